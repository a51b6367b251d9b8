"""Handlers of `/repositories`."""

from __future__ import annotations

import msgspec
from aiohttp import hdrs
from lakebed.client.wire import (
    MetadataKeys,
    MetadataSet,
    Page,
    ProtectionRule,
    Repository,
    RepositoryCreation,
    RetentionRule,
    RetentionRules,
)

from ...errors import InvalidValueError
from ...repository import documents, repositories, resolving
from ...repository.paging import Filter
from ...repository.samples import add_samples
from ..answers import (
    Created,
    CreatedNothing,
    Nothing,
    Shown,
    answer,
    answer_created,
    answer_created_nothing,
    answer_json,
    answer_nothing,
    answer_page,
)
from ..call import Call, NoBody, NoQuery
from ..parameters import CreateRepositoryQuery, ForceQuery, RepositoriesQuery
from ..shapes import show_repository


async def list_repositories(
    call: Call[RepositoriesQuery, NoBody],
) -> Shown[Page[Repository]]:
    """List repositories."""
    page = await repositories.list_repositories(
        call.engine,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
        is_shown=_both(call.shown_repositories, call.query.search),
    )
    return answer_page(page, show_repository)


def _both(is_shown: Filter | None, search: str) -> Filter | None:
    """Return what lets through what `is_shown` does and has `search` in its name."""
    if not search:
        return is_shown
    return lambda name: search in name and (is_shown is None or is_shown(name))


async def create_repository(
    call: Call[CreateRepositoryQuery, RepositoryCreation],
) -> Created[Repository]:
    """Create a repository.

    Raises:
        RepositoryExistsError
    """
    body = call.body
    if body.sample_data and (body.read_only or call.query.bare):
        raise InvalidValueError(
            "sample_data",
            "cannot add sample data to a repository that is read-only or has no branch",
        )
    repository = await repositories.create_repository(
        call.engine,
        body.name,
        actor=call.actor,
        storage_namespace=body.storage_namespace,
        default_branch=body.default_branch or "main",
        read_only=body.read_only,
        bare=call.query.bare,
    )
    if body.sample_data:
        await add_samples(
            call.engine, repository.name, repository.default_branch, actor=call.actor
        )
    return answer_created(show_repository(repository))


async def get_repository(call: Call[NoQuery, NoBody]) -> Shown[Repository]:
    """Get a repository."""
    repository = await resolving.get_repository(call.engine, call.repository)
    return answer(show_repository(repository))


async def delete_repository(call: Call[ForceQuery, NoBody]) -> Nothing:
    """Delete a repository and everything in it.

    Raises:
        StillNeededError
    """
    await repositories.delete_repository(
        call.engine, call.repository, force=call.may_force(call.query.force)
    )
    return answer_nothing()


async def get_repository_metadata(
    call: Call[NoQuery, NoBody],
) -> Shown[dict[str, str]]:
    """Get the metadata of a repository."""
    metadata = await documents.get_metadata(call.engine, call.repository)
    return answer_json(msgspec.json.encode(metadata))


async def set_repository_metadata(call: Call[NoQuery, MetadataSet]) -> CreatedNothing:
    """Set keys of the metadata of a repository; others stay."""
    await documents.change_metadata(
        call.engine, call.repository, put=call.body.metadata
    )
    return answer_created_nothing()


async def delete_repository_metadata(call: Call[NoQuery, MetadataKeys]) -> Nothing:
    """Remove keys of the metadata of a repository."""
    await documents.change_metadata(call.engine, call.repository, remove=call.body.keys)
    return answer_nothing()


async def get_branch_protection_rules(
    call: Call[NoQuery, NoBody],
) -> Shown[list[ProtectionRule]]:
    """Get which branches change only by merges; the ETag is for changing that."""
    repository = await resolving.get_repository(call.engine, call.repository)
    patterns = repository.protection
    rules = [ProtectionRule(pattern=pattern) for pattern in patterns]
    response = answer_json(msgspec.json.encode(rules))
    response.headers[hdrs.ETAG] = f'"{documents.protection_tag(patterns)}"'
    return response


async def set_branch_protection_rules(
    call: Call[NoQuery, list[ProtectionRule]],
) -> Nothing:
    """Set which branches change only by merges, all of them.

    `If-Match` with the ETag that was seen keeps two who change it from undoing each other.

    Raises:
        PreconditionFailedError
    """
    expected = call.request.headers.get(hdrs.IF_MATCH)
    await documents.set_protection(
        call.engine,
        call.repository,
        [rule.pattern for rule in call.body],
        expected=expected and expected.strip().strip('"'),
    )
    return answer_nothing()


async def get_gc_rules(call: Call[NoQuery, NoBody]) -> Shown[RetentionRules]:
    """Get how long data is kept that no branch shows any more.

    Raises:
        NotFoundError
    """
    rules = await documents.get_gc_rules(call.engine, call.repository)
    return answer(
        RetentionRules(
            default_retention_days=rules.default_days,
            branches=[
                RetentionRule(branch_id=rule.branch, retention_days=rule.days)
                for rule in rules.branches
            ],
        )
    )


async def set_gc_rules(call: Call[NoQuery, RetentionRules]) -> Nothing:
    """Set how long data is kept that no branch shows any more."""
    rules = documents.GcRules(
        call.body.default_retention_days,
        tuple(
            documents.BranchRetention(rule.branch_id, rule.retention_days)
            for rule in call.body.branches
        ),
    )
    await documents.set_gc_rules(call.engine, call.repository, rules)
    return answer_nothing()


async def delete_gc_rules(call: Call[NoQuery, NoBody]) -> Nothing:
    """Remove the rules: all data is kept."""
    await documents.set_gc_rules(call.engine, call.repository, None)
    return answer_nothing()

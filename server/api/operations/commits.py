"""Handlers that make, show and list commits."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from lakebed.client.wire import (
    Blame,
    CherryPick,
    Commit,
    CommitCreation,
    CommitOverrides,
    Page,
    Revert,
)

from ...errors import CommitNotFoundError, InvalidValueError, RefNotFoundError
from ...ids import CommitId
from ...repository import commits, picking
from ...repository.blame import Item, blame
from ...repository.logs import LogFilter, list_log
from ...repository.paths import check_path, encode_path
from ..answers import (
    Created,
    Nothing,
    Shown,
    answer,
    answer_created,
    answer_nothing,
    answer_results,
)
from ..call import Call, NoBody, NoQuery
from ..parameters import BlameQuery, LogQuery
from ..shapes import show_blamed, show_commit


async def commit(call: Call[NoQuery, CommitCreation]) -> Created[Commit]:
    """Commit the uncommitted changes of a branch.

    Raises:
        NothingToCommitError
    """
    body = call.body

    async def seal() -> CommitId:
        made = await commits.commit_branch(
            call.engine,
            call.repository,
            call.names["branch"],
            message=body.message,
            metadata=body.metadata,
            created_ms=body.date * 1000 if body.date is not None else None,
            allow_empty=body.allow_empty,
            actor=call.actor,
            force=call.may_force(body.force),
            once=call.once,
        )
        return made.id

    return await _answer_made(call, await call.run_once(seal))


async def _answer_made(call: Call[Any, Any], commit_id: CommitId) -> Created[Commit]:
    made = await commits.get_commit(call.engine, call.repository, commit_id.hex())
    return answer_created(show_commit(made))


async def get_commit(call: Call[NoQuery, NoBody]) -> Shown[Commit]:
    """Get a commit, by its id or any ref expression."""
    ref = call.names["commit"]
    try:
        found = await commits.get_commit(call.engine, call.repository, ref)
    except RefNotFoundError:
        raise CommitNotFoundError(call.repository, ref) from None
    return answer(show_commit(found))


async def log_commits(call: Call[LogQuery, NoBody]) -> Shown[Page[Commit]]:
    """List the commits that a ref descends from, newest first."""
    query = call.query
    page = await list_log(
        call.engine,
        call.repository,
        call.names["ref"],
        after=query.after or None,
        limit=query.limit,
        where=LogFilter(
            first_parent=query.first_parent,
            since_ms=_parse_time(query.since) if query.since else None,
            stop_at=query.stop_at or None,
            paths=[check_path(path) for path in query.objects],
            prefixes=[encode_path(prefix) for prefix in query.prefixes],
        ),
    )
    next_after = None if query.limit_only else page.next_after
    return answer_results((show_commit(item) for item in page.items), next_after)


async def list_blame(call: Call[BlameQuery, NoBody]) -> Shown[Page[Blame]]:
    """List objects, each with the commit that last changed it."""
    query = call.query
    only: Item | None = None
    if query.path and query.path_type == "object":
        only = Item(check_path(query.path), is_prefix=False)
    elif query.path:
        only = Item(encode_path(query.path), is_prefix=True)
    page = await blame(
        call.engine,
        call.repository,
        call.names["ref"],
        only=only,
        prefix=encode_path(query.prefix),
        after=encode_path(query.after),
        delimiter=query.delimiter.encode(),
        limit=query.limit,
    )
    next_after = page.next_after
    return answer_results(
        (show_blamed(item) for item in page.items),
        next_after.decode() if next_after is not None else None,
    )


def _parse_time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValueError(
            "since", f"parameter 'since' is no ISO 8601 time: '{text[:80]}'"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _read_overrides(body: CommitOverrides | None) -> picking.Overrides | None:
    return picking.Overrides(body.message, body.metadata) if body is not None else None


async def revert_branch(call: Call[NoQuery, Revert]) -> Nothing:
    """Commit the opposite of a commit.

    Raises:
        NothingToCommitError
        DirtyBranchError
        RevertNeedsParentError
        MergeConflictError
    """
    body = call.body

    async def go_back() -> CommitId:
        made = await picking.revert(
            call.engine,
            call.repository,
            call.names["branch"],
            body.ref,
            parent_number=body.parent_number,
            overrides=_read_overrides(body.commit_overrides),
            allow_empty=body.allow_empty,
            actor=call.actor,
            force=call.may_force(body.force),
            once=call.once,
        )
        return made.id

    await call.run_once(go_back)
    return answer_nothing()


async def cherry_pick(call: Call[NoQuery, CherryPick]) -> Created[Commit]:
    """Commit what another commit changed.

    Raises:
        NothingToCommitError
        DirtyBranchError
        RevertNeedsParentError
        MergeConflictError
    """
    body = call.body

    async def pick() -> CommitId:
        made = await picking.cherry_pick(
            call.engine,
            call.repository,
            call.names["branch"],
            body.ref,
            parent_number=body.parent_number or 0,
            overrides=_read_overrides(body.commit_overrides),
            actor=call.actor,
            force=call.may_force(body.force),
            once=call.once,
        )
        return made.id

    return await _answer_made(call, await call.run_once(pick))

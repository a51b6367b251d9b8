"""What is kept with a repository beside its refs: metadata, protection, GC rules.

All of it is small, read seldom but for protection, and belongs to the repository itself:
it has no history, and goes with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

import msgspec

from ..errors import (
    InvalidValueError,
    MetadataTooLargeError,
    NotFoundError,
    PreconditionFailedError,
)
from ..refs.names import check_ref_name
from ..refs.protection import check_patterns
from ..refs.store import Repository
from .contracts import WriteTransaction
from .engine import Engine
from .resolving import get_repository, require_changeable

METADATA_BYTES_MAX = 64 * 1024
"""Names and values together: descriptions and links, not data."""
RETENTION_DAYS_MAX = 36_500
"""A hundred years: more is a mistake."""
RULES_MAX = 1000

_METADATA = "metadata"
_GC_RULES = "gc-rules"

_Find = Callable[[int, str], Awaitable[bytes | None]]


class BranchRetention(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long what a branch no longer shows stays readable by commit."""

    branch: str
    days: int


class GcRules(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long what no branch shows any more is kept."""

    default_days: int
    branches: tuple[BranchRetention, ...] = ()


async def get_metadata(engine: Engine, name: str) -> dict[str, str]:
    """Return the metadata of a repository.

    Raises:
        RepositoryNotFoundError: there is none.
    """
    repository = await get_repository(engine, name)
    return await _read_metadata(engine.metadata.find_document, repository.id)


async def change_metadata(
    engine: Engine,
    name: str,
    *,
    put: Mapping[str, str] | None = None,
    remove: Collection[str] = (),
) -> None:
    """Set keys of the metadata of a repository, and remove others.

    Raises:
        RepositoryNotFoundError, ReadOnlyRepositoryError
        MetadataTooLargeError: it would be over `METADATA_BYTES_MAX`.
    """
    repository = await _get_changeable(engine, name)

    async def action(tx: WriteTransaction) -> None:
        metadata = await _read_metadata(tx.find_document, repository.id)
        metadata.update(put or {})
        for key in remove:
            metadata.pop(key, None)
        document = msgspec.json.encode(metadata) if metadata else None
        if document is not None and len(document) > METADATA_BYTES_MAX:
            raise MetadataTooLargeError(
                "metadata",
                f"metadata of a repository must be at most {METADATA_BYTES_MAX} bytes",
            )
        await tx.set_document(repository.id, _METADATA, document)

    await engine.metadata.write(action)


async def _read_metadata(find: _Find, repository_id: int) -> dict[str, str]:
    document = await find(repository_id, _METADATA)
    return (
        {} if document is None else msgspec.json.decode(document, type=dict[str, str])
    )


async def get_gc_rules(engine: Engine, name: str) -> GcRules:
    """Return the rules by which data of a repository is collected.

    Raises:
        RepositoryNotFoundError: there is no such repository.
        NotFoundError: it has no rules.
    """
    repository = await get_repository(engine, name)
    document = await engine.metadata.find_document(repository.id, _GC_RULES)
    if document is None:
        raise NotFoundError(
            f"repository '{name}' has no rules for collection: nothing of it is collected"
        )
    return msgspec.json.decode(document, type=GcRules)


async def set_gc_rules(engine: Engine, name: str, rules: GcRules | None) -> None:
    """Set the rules by which data of a repository is collected; None: no rules.

    Raises:
        RepositoryNotFoundError, ReadOnlyRepositoryError
        InvalidValueError: a branch is named twice, or a time is out of range.
        InvalidNameError: what a rule is for can be no branch.
    """
    if rules is not None:
        _check_rules(rules)
    repository = await _get_changeable(engine, name)
    document = None if rules is None else msgspec.json.encode(rules)
    await engine.metadata.write(
        lambda tx: tx.set_document(repository.id, _GC_RULES, document)
    )


def _check_rules(rules: GcRules) -> None:
    if len(rules.branches) > RULES_MAX:
        raise InvalidValueError("branches", f"at most {RULES_MAX} branches have rules")
    if len({rule.branch for rule in rules.branches}) != len(rules.branches):
        raise InvalidValueError("branches", "a branch has two rules")
    for rule in rules.branches:
        check_ref_name(rule.branch)
        _check_days("retention_days", rule.days)
    _check_days("default_retention_days", rules.default_days)


def _check_days(field: str, days: int) -> None:
    if not 0 <= days <= RETENTION_DAYS_MAX:
        raise InvalidValueError(
            field, f"cannot keep data for {days} days: use 0 to {RETENTION_DAYS_MAX}"
        )


def protection_tag(patterns: Sequence[str]) -> str:
    """Return what names the state of a repository's protection, for conditions."""
    return hashlib.sha256("\n".join(patterns).encode()).hexdigest()[:32]


async def set_protection(
    engine: Engine, name: str, patterns: Sequence[str], *, expected: str | None = None
) -> None:
    """Protect the branches that `patterns` name, and no others.

    `expected` is the `protection_tag` that it must have now.

    Raises:
        RepositoryNotFoundError, ReadOnlyRepositoryError, InvalidValueError
        PreconditionFailedError: it was changed meanwhile.
    """
    checked = check_patterns(patterns)
    await _get_changeable(engine, name)

    async def action(tx: WriteTransaction) -> None:
        repository = await get_repository(engine, name, reader=tx)
        if expected not in (None, protection_tag(repository.protection)):
            raise PreconditionFailedError(
                "precondition failed: the protection of branches was changed meanwhile"
            )
        await tx.set_protection(repository.id, checked)

    await engine.metadata.write(action)


async def _get_changeable(engine: Engine, name: str) -> Repository:
    return require_changeable(await get_repository(engine, name))

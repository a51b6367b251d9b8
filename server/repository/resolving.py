"""From a ref expression to a commit, within one repository.

Lookup order of a name: a full commit id (64 digits, or the first 40), a branch or tag,
the unique beginning of a commit id. Only commits that the repository recorded exist.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import (
    ExpiredDataError,
    InvalidRefExpressionError,
    ModelsRepositoryError,
    ReadOnlyRefError,
    ReadOnlyRepositoryError,
    RefNotFoundError,
    RepositoryNotFoundError,
)
from ..history.commit import Commit
from ..history.walk import iter_ancestors
from ..ids import CommitId
from ..refs.expression import Expression, View, parse_expression
from ..refs.names import MODELS
from ..refs.protection import require_unprotected
from ..refs.store import Branch, RefReader, Repository, Tag
from .engine import Engine

_FULL_ID = re.compile(r"[0-9a-f]{64}|[0-9a-f]{40}", re.ASCII)
_ID_PREFIX = re.compile(r"[0-9a-f]{7,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a ref expression means now."""

    repository: Repository
    commit: Commit
    branch: Branch | None
    """The branch, if the expression is a branch name (with or without `@`, `$`)."""
    view: View
    """Which of a branch's changes count; `committed` for everything else."""
    is_expired: bool = False

    def require_data(self) -> Resolved:
        """Return self, if the commit's data is still there.

        Raises:
            ExpiredDataError: retention collected it.
        """
        if self.is_expired:
            raise ExpiredDataError(
                f"commit '{self.commit.id.hex()}' is past its retention: its data is gone"
            )
        return self


async def get_repository(
    engine: Engine, name: str, *, reader: RefReader | None = None
) -> Repository:
    """Return the repository `name`.

    Raises:
        RepositoryNotFoundError: there is none.
    """
    repository = await (reader or engine.metadata).find_repository(name)
    if repository is None:
        raise RepositoryNotFoundError(name)
    return repository


def require_changeable(
    repository: Repository, *, force: bool | None = None
) -> Repository:
    """Return `repository` if requests may change something in it.

    `force` is for who administers a read-only one; None: what is to be done cannot be
    forced.

    Raises:
        ModelsRepositoryError: it is the one of the model registry.
        ReadOnlyRepositoryError
    """
    if repository.name == MODELS:
        raise ModelsRepositoryError(MODELS)
    if repository.read_only and not force:
        raise ReadOnlyRepositoryError(repository.name, can_be_forced=force is not None)
    return repository


async def get_branch(
    engine: Engine,
    repository: Repository,
    name: str,
    *,
    reader: RefReader | None = None,
) -> Branch:
    """Return the branch `name` of `repository`.

    Raises:
        RefNotFoundError: there is no branch of that name.
    """
    ref = await (reader or engine.metadata).find_ref(repository.id, name)
    if not isinstance(ref, Branch):
        raise RefNotFoundError(repository.name, name, what="branch")
    return ref


async def get_writable_branch(
    engine: Engine,
    repository_name: str,
    name: str,
    *,
    even_if_protected: bool = False,
    force: bool | None = None,
) -> tuple[Repository, Branch]:
    """Return a branch that may be written to, and its repository.

    `even_if_protected` is for merges, and for throwing away what was never committed;
    `force` is for administrators who write to a read-only repository.

    Raises:
        RepositoryNotFoundError, ReadOnlyRepositoryError, RefNotFoundError
        ReadOnlyRefError: `name` is a tag, a commit or an expression.
        ProtectedBranchError: the branch changes only by merges.
    """
    repository = require_changeable(
        await get_repository(engine, repository_name), force=force
    )
    ref = await engine.metadata.find_ref(repository.id, name)
    if isinstance(ref, Branch):
        if not (even_if_protected or ref.hidden):
            require_unprotected(repository, name)
        return repository, ref
    if isinstance(ref, Tag):
        raise ReadOnlyRefError(name)
    try:
        resolved = await resolve(engine, repository_name, name)
    except (RefNotFoundError, InvalidRefExpressionError):
        raise RefNotFoundError(repository_name, name, what="branch") from None
    if resolved.branch is not None and resolved.branch.name == name:
        # Made since we looked: it was not there when we were asked.
        raise RefNotFoundError(repository_name, name, what="branch")
    raise ReadOnlyRefError(name)


async def resolve(
    engine: Engine, repository_name: str, text: str, *, reader: RefReader | None = None
) -> Resolved:
    """Return what the ref expression `text` means in a repository.

    `reader` reads the names; the newest state if it is not given.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """
    repository = await get_repository(engine, repository_name, reader=reader)
    return await resolve_in(engine, repository, text, reader=reader)


async def resolve_in(
    engine: Engine,
    repository: Repository,
    text: str,
    *,
    reader: RefReader | None = None,
) -> Resolved:
    """Return what the ref expression `text` means in `repository`; see `resolve`."""
    names = reader or engine.metadata
    expression = parse_expression(text, repository=repository.name)
    start = await _find_start(engine, names, repository, expression)
    if start is None:
        raise RefNotFoundError(repository.name, text)
    if isinstance(start, Branch):
        if expression.is_plain_name or expression.view != "merged":
            head = await engine.history(repository, names).get(start.head)
            return Resolved(repository, head, start, expression.view)
        start = start.head
    if expression.view != "merged":
        raise InvalidRefExpressionError(
            f"invalid ref expression '{text}': '@' and '$' go with a branch, and "
            f"'{expression.name}' is none",
            value=text,
        )
    commit = await _go_back(engine, names, repository, start, expression, text)
    (row,) = await names.find_commits(repository.id, [commit.id])
    expired = row is not None and row.expired
    return Resolved(repository, commit, None, "committed", is_expired=expired)


async def _find_start(
    engine: Engine, names: RefReader, repository: Repository, expression: Expression
) -> Branch | CommitId | None:
    name = expression.name
    if expression.at_ms is not None:
        move = await names.find_ref_at(repository.id, name, expression.at_ms)
        return move.new if move is not None else None
    if _FULL_ID.fullmatch(name):
        found = await names.find_commit_ids(repository.id, name, limit=2)
        return found[0] if len(found) == 1 else None
    ref = await names.find_ref(repository.id, name)
    if isinstance(ref, Branch):
        return ref
    if isinstance(ref, Tag):
        return ref.commit_id
    if _ID_PREFIX.fullmatch(name):
        found = await names.find_commit_ids(repository.id, name, limit=2)
        if len(found) > 1:
            raise InvalidRefExpressionError(
                f"ambiguous commit id '{name}' in '{repository.name}': give more digits"
            )
        return found[0] if found else None
    return None


async def _go_back(
    engine: Engine,
    names: RefReader,
    repository: Repository,
    start: CommitId,
    expression: Expression,
    text: str,
) -> Commit:
    history = engine.history(repository, names)
    commit = await history.get(start)
    for step in expression.steps:
        if step.kind == "^":
            if step.count == 0:
                continue
            if step.count > len(commit.parents):
                raise RefNotFoundError(repository.name, text)
            commit = await history.get(commit.parents[step.count - 1])
            continue
        if step.count > commit.generation:
            raise RefNotFoundError(repository.name, text)
        left = step.count
        async for ancestor in iter_ancestors(history, [commit.id], first_parent=True):
            commit = ancestor
            if left == 0:
                break
            left -= 1
        if left:
            raise RefNotFoundError(repository.name, text)
    return commit

"""Differences: between two versions, and of a branch's staged changes to its head."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from ..history.walk import find_merge_base
from ..ids import NodeId
from ..refs.store import Branch
from ..staging.store import StagingScanner
from ..tree.diff import ChangeKind, diff_trees
from ..tree.diff import Difference as TreeDifference
from ..tree.entry import Entry, PackedEntry, same_identity, unpack_entry
from ..tree.lookup import after_prefix, find_many
from .contracts import Snapshot
from .engine import Engine
from .first_tree import EMPTY_TREE_ID
from .overlay import StagedRows
from .paging import check_limit
from .resolving import get_branch, get_repository, resolve, resolve_in

DifferenceKind = Literal["added", "removed", "changed", "prefix_changed"]


@dataclass(frozen=True, slots=True)
class Difference:
    """A path, or a common prefix, where left and right are not the same."""

    path: bytes
    kind: DifferenceKind
    left: Entry | None
    right: Entry | None


@dataclass(frozen=True, slots=True)
class DiffPage:
    """A page of differences, in byte order of the paths."""

    items: tuple[Difference, ...]
    next_after: bytes | None
    """Where it goes on; None at the end."""


@dataclass(frozen=True, slots=True)
class DiffScope:
    """Which part of a difference is asked for."""

    limit: int
    prefix: bytes = b""
    after: bytes = b""
    delimiter: bytes = b""
    """Roll paths up at its first place behind `prefix`."""


async def diff_refs(
    engine: Engine,
    repository: str,
    left: str,
    right: str,
    scope: DiffScope,
    *,
    three_dot: bool = False,
) -> DiffPage:
    """Return what changes from `left` to `right`, by what is committed there.

    `three_dot` compares with the merge base of the two in place of `left`: what was
    done on the right side alone.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
    """
    check_limit(scope.limit)
    from_ = (await resolve(engine, repository, left)).require_data()
    to = (await resolve_in(engine, from_.repository, right)).require_data()
    tree_id = from_.commit.tree_id
    if three_dot:
        history = engine.history(from_.repository)
        base = await find_merge_base(history, from_.commit.id, to.commit.id)
        tree_id = base.tree_id if base is not None else EMPTY_TREE_ID

    def differences(after: bytes) -> Iterator[TreeDifference]:
        return diff_trees(
            engine.nodes, tree_id, to.commit.tree_id, prefix=scope.prefix, after=after
        )

    return await asyncio.to_thread(_page, differences, scope)


async def diff_staged(
    engine: Engine, repository: str, branch: str, scope: DiffScope
) -> DiffPage:
    """Return what the staged changes of `branch` change about its head.

    Raises:
        RepositoryNotFoundError, RefNotFoundError
    """
    check_limit(scope.limit)

    async def action(snapshot: Snapshot) -> DiffPage:
        where = await get_repository(engine, repository, reader=snapshot)
        target = await get_branch(engine, where, branch, reader=snapshot)
        head = await engine.history(where, snapshot).get(target.head)

        def differences(after: bytes) -> Iterator[TreeDifference]:
            return _iter_staged(
                engine, snapshot, target, head.tree_id, scope.prefix, after
            )

        return _page(differences, scope)

    return await engine.metadata.snapshot(action)


def _iter_staged(
    engine: Engine,
    scanner: StagingScanner,
    branch: Branch,
    tree_id: NodeId,
    prefix: bytes,
    after: bytes,
) -> Iterator[TreeDifference]:
    staged = StagedRows(scanner, branch)
    staged.seek(max(prefix, after + b"\0" if after else b""))
    end = after_prefix(prefix)
    while changes := staged.take_before(end):
        old = find_many(engine.nodes, tree_id, [path for path, _ in changes])
        for path, new in changes:
            difference = _compare(path, old.get(path), new)
            if difference is not None:
                yield difference


def _compare(
    path: bytes, old: PackedEntry | None, new: PackedEntry | None
) -> TreeDifference | None:
    if old is None and new is None:
        return None
    if old is None:
        return TreeDifference(path, ChangeKind.ADDED, None, new)
    if new is None:
        return TreeDifference(path, ChangeKind.REMOVED, old, None)
    if same_identity(old, new):
        return None
    return TreeDifference(path, ChangeKind.CHANGED, old, new)


def _page(
    differences: Callable[[bytes], Iterator[TreeDifference]], scope: DiffScope
) -> DiffPage:
    """Take a page, rolled up at the delimiter; a rolled-up prefix is skipped unread."""
    items: list[Difference] = []
    after: bytes | None = _skip_rolled_up(scope)
    while after is not None:
        start, after = after, None
        for found in differences(start):
            if len(items) == scope.limit:
                return DiffPage(tuple(items), items[-1].path)
            cut = -1
            if scope.delimiter:
                cut = found.path.find(scope.delimiter, len(scope.prefix))
            if cut < 0:
                items.append(_unpack(found))
                continue
            rolled_up = found.path[: cut + len(scope.delimiter)]
            items.append(Difference(rolled_up, "prefix_changed", None, None))
            after = _behind(rolled_up)
            break
    return DiffPage(tuple(items), None)


def _skip_rolled_up(scope: DiffScope) -> bytes:
    """Return the path to start behind: an `after` that is a rolled-up prefix ends it.

    An object named like the prefix asked for ends with the delimiter too, and is none.
    """
    after, delimiter = scope.after, scope.delimiter
    if delimiter and after.startswith(scope.prefix):
        cut = after.find(delimiter, len(scope.prefix))
        if cut >= 0 and cut + len(delimiter) == len(after):
            return _behind(after)
    return after


def _behind(prefix: bytes) -> bytes:
    # Paths are UTF-8, which has no byte 0xFF: this is above all that begin with it.
    return prefix + b"\xff"


def _unpack(found: TreeDifference) -> Difference:
    kinds: dict[ChangeKind, DifferenceKind] = {
        ChangeKind.ADDED: "added",
        ChangeKind.REMOVED: "removed",
        ChangeKind.CHANGED: "changed",
    }
    return Difference(
        found.path,
        kinds[found.kind],
        None if found.left is None else unpack_entry(found.path, found.left),
        None if found.right is None else unpack_entry(found.path, found.right),
    )

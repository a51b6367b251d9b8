"""The one way in which a branch takes up the difference of two trees.

Merge, revert and cherry-pick are the same act: the change from a base to *theirs* is
applied to the branch (*ours*) by a three-way merge, and published. They differ in which
trees and parents they name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..errors import (
    DirtyBranchError,
    InvalidValueError,
    MergeConflictError,
    NothingToCommitError,
    RefMovedError,
    RefNotFoundError,
)
from ..history.commit import Commit
from ..history.traces import Traces
from ..ids import NodeId
from ..refs.store import Branch, Repository
from ..tree.diff import diff_trees
from ..tree.entry import Entry, PackedEntry, unpack_entry
from ..tree.merge import Conflict as TreeConflict
from ..tree.merge import Resolution, merge_trees
from ..tree.merge import Strategy as TreeStrategy
from ..tree.node import Tree
from .engine import Engine
from .first_tree import EMPTY_TREE_ID
from .paths import show_path
from .publishing import (
    REBUILDS_MAX,
    Description,
    NewNodes,
    build_nodes,
    publish,
)

Strategy = Literal["source", "destination"]
"""Whose entry is taken where both sides changed a path differently."""


@dataclass(frozen=True, slots=True)
class Combination:
    """What is merged into a branch at one of its heads."""

    base: NodeId | None
    """The tree that both sides came from; None is the empty one."""
    theirs: NodeId
    parents: tuple[Commit, ...]
    """Of the commit that is made."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """A path that both sides changed differently; None where a side has nothing."""

    path: bytes
    base: Entry | None
    ours: Entry | None
    theirs: Entry | None


async def combine(
    engine: Engine,
    repository: Repository,
    branch: Branch,
    plan: Callable[[Commit], Awaitable[Combination]],
    *,
    description: Description,
    action: str,
    strategy: Strategy | None = None,
    resolutions: Mapping[bytes, Resolution] | None = None,
    allow_empty: bool = False,
    refuse_dirty: bool = True,
) -> Commit:
    """Apply what `plan` names, given the head of `branch`, to it; return the commit.

    Builds again when the branch moves meanwhile; `plan` is asked again then. Unless
    `refuse_dirty`, what is staged on the branch stays staged, above the new commit.

    Raises:
        DirtyBranchError: the branch has staged changes, and `refuse_dirty`.
        MergeConflictError: lists the conflicts; the branch is as it was.
        InvalidValueError: a resolution is of a path that does not conflict.
        NothingToCommitError: the content comes out as it was, and not `allow_empty`.
        RefNotFoundError: the branch was deleted meanwhile.
        RefMovedError: the branch moves faster than we can build.
    """
    seen: Branch | None = branch
    for _ in range(REBUILDS_MAX):
        if seen is None:
            raise RefNotFoundError(repository.name, branch.name, what="branch")
        if refuse_dirty and await engine.metadata.has_live_changes(seen):
            raise DirtyBranchError(branch.name)
        ours = await engine.history(repository).get(seen.head)
        combination = await plan(ours)

        def build(
            nodes: NewNodes,
            traces: Traces,
            ours: Commit = ours,
            combination: Combination = combination,
        ) -> Tree:
            _trace(engine, combination, traces)
            return _merge(engine, nodes, ours, combination, strategy, resolutions)

        built = await build_nodes(engine, build)
        if built.tree.content_id == ours.content_id and not allow_empty:
            raise NothingToCommitError
        commit = await publish(
            engine,
            repository,
            seen,
            built,
            parents=combination.parents,
            description=description,
            floor=seen.floor,
            action=action,
            refuse_dirty=refuse_dirty,
        )
        if commit is not None:
            return commit
        seen = await engine.metadata.find_branch(branch.id)
    raise RefMovedError(branch.name)


def _trace(engine: Engine, combination: Combination, traces: Traces) -> None:
    """Add what a merge may change about our side: what theirs has changed."""
    base = EMPTY_TREE_ID if combination.base is None else combination.base
    for difference in diff_trees(engine.nodes, base, combination.theirs):
        traces.add(difference.path)
        if traces.is_full:
            break


def _merge(
    engine: Engine,
    nodes: NewNodes,
    ours: Commit,
    combination: Combination,
    strategy: Strategy | None,
    resolutions: Mapping[bytes, Resolution] | None,
) -> Tree:
    merged = merge_trees(
        engine.nodes,
        nodes.sink,
        combination.base,
        ours.tree_id,
        combination.theirs,
        strategy=None if strategy is None else _TREE_STRATEGY[strategy],
        resolutions=resolutions,
    )
    if merged.unused:
        raise InvalidValueError(
            "resolutions",
            f"cannot resolve '{show_path(merged.unused[0])}': it does not conflict, so "
            "that a resolution would decide nothing there",
        )
    if merged.tree is not None:
        return merged.tree
    conflicts = tuple(map(unpack_conflict, merged.conflicts))
    raise MergeConflictError(
        f"conflict found: both sides changed {merged.conflict_count} paths differently, "
        f"'{show_path(conflicts[0].path)}' first",
        conflicts,
        merged.conflict_count,
    )


_TREE_STRATEGY = {"source": TreeStrategy.THEIRS, "destination": TreeStrategy.OURS}


def unpack_conflict(conflict: TreeConflict) -> Conflict:
    """Return `conflict` with its entries unpacked."""

    def entry(packed: PackedEntry | None) -> Entry | None:
        return None if packed is None else unpack_entry(conflict.path, packed)

    return Conflict(
        conflict.path,
        entry(conflict.base),
        entry(conflict.ours),
        entry(conflict.theirs),
    )

"""Making a commit the head of a branch: durable first, then one compare-and-set.

Every operation that moves a branch builds its tree with no lock held, then publishes
here. A stop at any point leaves frames that nothing refers to, and the branch as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..chunks.index import Frame, StoredFrame
from ..errors import DirtyBranchError, InvalidValueError, RefNotFoundError
from ..history.commit import Commit, make_commit
from ..history.step import step_of
from ..history.traces import Traces
from ..ids import Kind
from ..refs.store import Branch, CommitRow, Repository
from ..tree.node import Tree
from ..tree.store import FrameSink
from .contracts import WriteTransaction
from .engine import Engine
from .once import Claim

REBUILDS_MAX = 100
"""Times that an operation builds again because another one moved the branch first. One
of the racing operations wins each time, so this many losses in a row mean a branch under
more commits than it can take, and the caller should hear of it."""


@dataclass(frozen=True, slots=True)
class Description:
    """What a commit says beside its tree and parents."""

    message: str
    metadata: Mapping[str, str]
    committer: str
    created_ms: int
    once: Claim | None = None
    """Under which the caller knows the commit, should it ask for it again."""


class NewNodes:
    """The nodes that one build writes: appended as they come, recorded at the end."""

    def __init__(self, engine: Engine) -> None:
        self._appender = engine.metadata.appender
        self._stored: list[StoredFrame] = []
        self.sink = FrameSink(engine.nodes, self._append)

    def _append(self, frames: list[Frame]) -> None:
        self._stored += self._appender.append(frames)

    def take(self) -> tuple[tuple[StoredFrame, ...], tuple[Frame, ...]]:
        """Return what was appended, and what is left to append with the transaction."""
        return tuple(self._stored), tuple(self.sink.take_rest())


@dataclass(frozen=True, slots=True)
class Built:
    """A tree that was built for a branch, with its nodes."""

    tree: Tree
    traces: bytes | None
    """Of what may be different from the tree that it was built upon."""
    stored: tuple[StoredFrame, ...]
    frames: tuple[Frame, ...]


async def publish(
    engine: Engine,
    repository: Repository,
    seen: Branch,
    built: Built,
    *,
    parents: tuple[Commit, ...],
    description: Description,
    floor: int,
    action: str,
    refuse_dirty: bool,
) -> Commit | None:
    """Make a commit of `built` and move `seen` to it; None if the branch had moved.

    Args:
        engine: where.
        repository: whose branch it is.
        seen: the branch as it was built upon.
        built: the tree and its nodes.
        parents: of the commit, the branch's head first.
        description: what the commit says.
        floor: of the branch afterwards; staged rows below it are part of the commit.
        action: the word for the ref log.
        refuse_dirty: check, with the branch locked, that it has no live staged rows.

    Raises:
        RefNotFoundError: the branch was deleted meanwhile.
        DirtyBranchError: there are live staged rows and `refuse_dirty` is set.
        InvalidValueError: message or metadata are too long.
    """
    commit, record = make_commit(
        tree_id=built.tree.tree_id,
        content_id=built.tree.content_id,
        parents=parents,
        committer=description.committer,
        message=description.message,
        created_ms=description.created_ms,
        metadata=description.metadata,
    )

    async def move(tx: WriteTransaction) -> bool:
        current = await tx.lock_branch(seen.id)
        if current is None:
            raise RefNotFoundError(repository.name, seen.name, what="branch")
        if refuse_dirty and await tx.has_live_changes(current):
            raise DirtyBranchError(seen.name)
        moved = await tx.move_branch(
            seen,
            head=commit.id,
            floor=floor,
            action=action,
            actor=description.committer,
            now_ms=engine.clock(),
        )
        if moved:
            step = step_of(commit, built.traces)
            await tx.record_commit(
                repository.id, CommitRow(commit.id, record, step=step)
            )
            if description.once is not None:
                now_ms = engine.clock()
                await description.once.claim(tx, commit.id, now_ms=now_ms)
        return moved

    frames = (*built.frames, Frame(Kind.COMMIT, commit.id, record))
    if not await engine.metadata.write(move, frames=frames, stored=built.stored):
        return None
    engine.commits.keep(commit)
    return commit


async def build_nodes(
    engine: Engine, function: Callable[[NewNodes, Traces], Tree]
) -> Built:
    """Run `function`, which builds a tree, in a builder thread.

    It adds to the traces what may come out different from the commit's first parent.
    """
    nodes, traces = NewNodes(engine), Traces()
    tree = await engine.build(function, nodes, traces)
    stored, frames = nodes.take()
    return Built(tree, traces.pack(), stored, frames)


def check_created_ms(created_ms: int | None, now_ms: int) -> int:
    """Return the creation time of a commit: what the caller gave, or now.

    Raises:
        InvalidValueError: it is before 1970 or after the year 9999.
    """
    if created_ms is None:
        return now_ms
    if not 0 <= created_ms < 253_402_300_800_000:
        raise InvalidValueError("date", f"commit date {created_ms // 1000} is no date")
    return created_ms


PURGE_ROWS = 2000
"""Rows removed in one transaction: about 2 ms of the write lock (10^6 rows in one held
it for 0.7 s)."""


def start_purge(engine: Engine, branch_id: int) -> None:
    """Remove the rows that a commit made invisible, in the background, in batches.

    Left undone by a stop, the next commit of the branch takes them along.
    """
    engine.start_chore(lambda: _purge(engine, branch_id))


async def _purge(engine: Engine, branch_id: int) -> None:
    while await engine.metadata.write(
        lambda tx: tx.purge_dead(branch_id, limit=PURGE_ROWS)
    ):
        pass


def start_full_purge(engine: Engine) -> None:
    """Remove what deleted repositories and branches left behind, in the background.

    Left undone by a stop, the next one that opens the lake does it.
    """

    async def purge() -> None:
        while await engine.metadata.purge():
            pass

    engine.start_chore(purge)

"""What a run wrote becomes a commit on each branch that it wrote for: all of it, or nothing.

Cut off at any point it is taken up again: what was written is noted before it is
committed on the work branch, and each commit on a target is noted in its transaction.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from ..errors import (
    ConflictError,
    MergeConflictError,
    NotFoundError,
    NothingToCommitError,
    ReadOnlyRefError,
    ReadOnlyRepositoryError,
    RefMovedError,
)
from ..history.commit import Commit
from ..history.walk import find_merge_base
from ..ids import CommitId, NodeId
from ..refs.store import Branch, Repository
from ..repository.combining import Combination, combine
from ..repository.commits import commit_branch
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..repository.once import DoneBeforeError
from ..repository.overlay import StagedRows
from ..repository.paths import show_path
from ..repository.publishing import Description
from ..repository.resolving import get_repository, get_writable_branch
from ..runs.rows import RunRow, WorkBranchRow
from ..tree.diff import diff_trees
from .drafts import Ending

WRITTEN_MAX = 10_000
"""Files that a record lists of each work branch. Of what is more it has the prefixes that
were declared, and says that it has no more: 10,000 rows are 2 MiB of it."""


@dataclass(frozen=True, slots=True)
class Published:
    """What became of a work branch."""

    row: WorkBranchRow
    commit: Commit | None
    """Where it can be read now; None: it was not published."""
    written: tuple[bytes, ...] = ()
    """Paths that the run wrote, up to `WRITTEN_MAX`, and one more if there are more."""
    deleted: tuple[bytes, ...] = ()
    """Paths that were there when it began, and it deleted; as many."""
    failure: str = ""
    """Why it was not."""
    branch: str = ""
    """Where it was written to: of a run that does another one again its own branch."""


@dataclass(frozen=True, slots=True)
class Unpublished:
    """What a run that did not succeed changed on one of its work branches."""

    row: WorkBranchRow
    count: int
    """Paths, up to `WRITTEN_MAX`, and one more if there are more."""


async def count_unpublished(engine: Engine, run: RunRow) -> list[Unpublished]:
    """Return how much `run` changed on each of its work branches, staged or committed."""
    found: list[Unpublished] = []
    for row in await engine.metadata.list_work_branches(run.id):
        branch = await engine.metadata.find_branch(row.work_branch_id)
        if branch is None:
            continue
        where = await get_repository(engine, row.repository)
        history = engine.history(where)
        base, head = await history.get(row.base), await history.get(branch.head)
        count = await engine.build(_count_changed, engine, branch, base, head)
        if count:
            found.append(Unpublished(row, count))
    return found


def _count_changed(engine: Engine, branch: Branch, base: Commit, head: Commit) -> int:
    paths: set[bytes] = set()
    for difference in diff_trees(engine.nodes, base.tree_id, head.tree_id):
        paths.add(difference.path)
        if len(paths) > WRITTEN_MAX:
            break
    staged = StagedRows(engine.metadata, branch)
    while (change := staged.peek()) is not None and len(paths) <= WRITTEN_MAX:
        staged.advance()
        paths.add(change[0])
    return len(paths)


async def publish_run(engine: Engine, run: RunRow, ending: Ending) -> list[Published]:
    """Publish each work branch of `run`; what was published before stays as it is.

    Raises:
        RefMovedError: a target moves faster than we can build; ask again.
    """
    rows = await engine.metadata.list_work_branches(run.id)
    return [await _publish(engine, run, row, ending) for row in rows]


async def _publish(
    engine: Engine, run: RunRow, row: WorkBranchRow, ending: Ending
) -> Published:
    if (row.repository, row.branch) in ending.denied:
        return Published(
            row,
            None,
            failure=f"access denied: '{ending.actor}' may not write '{row.repository}' "
            f"at '{row.branch}': {_by_hand(row)}",
        )
    try:
        where = await get_repository(engine, row.repository)
        history = engine.history(where)
        if row.work_branch is None:
            return Published(row, None, failure="its work branch was deleted")
        await _note_written(engine, run, row)
        work = await _commit_rest(engine, where, row, run, ending)
        publish = _merge if run.rerun_of is None else _keep
        published = row.published or await publish(
            engine, where, run, row, work, ending
        )
        noted = await engine.metadata.list_written(
            run.id, row.repository_id, row.branch, limit=WRITTEN_MAX + 1
        )
        base = await history.get(row.base)
        changed, deleted = await engine.build(
            _find_changed, engine, base.tree_id, work.tree_id
        )
        written = tuple(sorted({*noted, *changed})[: WRITTEN_MAX + 1])
        branch = row.branch if run.rerun_of is None else row.work_branch
        commit = await history.get(published)
        return Published(row, commit, written, deleted, branch=branch)
    except RefMovedError:
        raise
    except MergeConflictError as error:
        return Published(row, None, failure=_explain_conflict(error, row))
    except (
        ConflictError,
        NotFoundError,
        ReadOnlyRefError,
        ReadOnlyRepositoryError,
    ) as error:
        return Published(row, None, failure=str(error))


async def _note_written(engine: Engine, run: RunRow, row: WorkBranchRow) -> None:
    """Note the paths that are staged on a work branch."""
    branch = await engine.metadata.find_branch(row.work_branch_id)
    if branch is None or not await engine.metadata.has_live_changes(branch):
        return

    def read(branch: Branch = branch) -> list[bytes]:
        staged = StagedRows(engine.metadata, branch)
        paths: list[bytes] = []
        while (change := staged.peek()) is not None and len(paths) <= WRITTEN_MAX:
            staged.advance()
            if change[1] is not None:
                paths.append(change[0])
        return paths

    paths = await engine.build(read)
    await engine.metadata.write(
        lambda tx: tx.add_written(run.id, row.repository_id, row.branch, paths)
    )


async def _commit_rest(
    engine: Engine, where: Repository, row: WorkBranchRow, run: RunRow, ending: Ending
) -> Commit:
    """Commit what is staged on a work branch; return its head then."""
    assert row.work_branch is not None
    try:
        return await commit_branch(
            engine,
            where.name,
            row.work_branch,
            message=_message(run, ending),
            actor=run.user,
            metadata={"run": run.name},
        )
    except NothingToCommitError:
        _, branch = await get_writable_branch(engine, where.name, row.work_branch)
        return await engine.history(where).get(branch.head)


@dataclass(frozen=True, slots=True)
class _Note:
    """Notes the commit that a work branch becomes, in its transaction."""

    run_id: int
    row: WorkBranchRow

    async def claim(
        self, tx: WriteTransaction, commit_id: CommitId, *, now_ms: int
    ) -> None:
        """See `Claim.claim`."""
        if not await tx.note_published(
            self.run_id, self.row.repository_id, self.row.branch, commit_id
        ):
            raise DoneBeforeError


async def _merge(
    engine: Engine,
    where: Repository,
    run: RunRow,
    row: WorkBranchRow,
    work: Commit,
    ending: Ending,
) -> CommitId:
    """Make `work` one commit on its target; return it, or what it was noted as before.

    What others have staged on the target stays staged: it is theirs to commit.
    """
    note = _Note(run.id, row)
    history = engine.history(where)
    base = await history.get(row.base)
    try:
        if work.content_id == base.content_id:
            # Nothing came out differently: what the run wrote can be read where it began.
            await engine.metadata.write(
                lambda tx: note.claim(tx, base.id, now_ms=engine.clock())
            )
            return base.id
        _, target = await get_writable_branch(
            engine, where.name, row.branch, even_if_protected=True
        )

        async def plan(ours: Commit) -> Combination:
            common = await find_merge_base(history, ours.id, work.id)
            return Combination(
                base=None if common is None else common.tree_id,
                theirs=work.tree_id,
                parents=(ours,),
            )

        commit = await combine(
            engine,
            where,
            target,
            plan,
            description=Description(
                _message(run, ending),
                {"run": run.name},
                ending.actor or run.user,
                engine.clock(),
                note,
            ),
            action="merge",
            allow_empty=True,
            refuse_dirty=False,
        )
        return commit.id
    except (DoneBeforeError, MergeConflictError) as error:
        # Another one that ends the run at the same time may have published it.
        again = await engine.metadata.find_work_branch(
            run.id, row.repository_id, row.branch
        )
        if again is not None and again.published is not None:
            return again.published
        if isinstance(error, MergeConflictError):
            raise
        raise RefMovedError(row.branch) from None


async def _keep(
    engine: Engine,
    where: Repository,
    run: RunRow,
    row: WorkBranchRow,
    work: Commit,
    ending: Ending,
) -> CommitId:
    """Leave `work` where it is: what was published was the first run's.

    The branch goes as others do, and the commit stays as long as the run that needs it.
    """
    del where, ending
    note = _Note(run.id, row)
    with suppress(DoneBeforeError):  # by an end that was cut off: as this one would
        await engine.metadata.write(
            lambda tx: note.claim(tx, work.id, now_ms=engine.clock())
        )
    return work.id


def _find_changed(
    engine: Engine, base: NodeId, work: NodeId
) -> tuple[list[bytes], tuple[bytes, ...]]:
    """Return what was written, and what was deleted, since the run began; blocks.

    Both in order, and as many as are listed, and one more if there are more.
    """
    written: list[bytes] = []
    deleted: list[bytes] = []
    for difference in diff_trees(engine.nodes, base, work):
        paths = deleted if difference.right is None else written
        if len(paths) <= WRITTEN_MAX:
            paths.append(difference.path)
        elif len(written) > WRITTEN_MAX and len(deleted) > WRITTEN_MAX:
            break
    return written, tuple(deleted)


def _message(run: RunRow, ending: Ending) -> str:
    if ending.message:
        return ending.message
    what = f" of '{run.experiment}'" if run.experiment else ""
    return f"Outputs{what} of run {run.name}"


def _explain_conflict(error: MergeConflictError, row: WorkBranchRow) -> str:
    where = f"at {error.count:,} paths"
    if error.conflicts:
        where = f"at '{show_path(getattr(error.conflicts[0], 'path', b''))}'"
        if error.count > 1:
            where += f" and {error.count - 1:,} more"
    return (
        f"branch '{row.branch}' of '{row.repository}' changed meanwhile {where}, where "
        f"the run wrote too: {_by_hand(row)}"
    )


def _by_hand(row: WorkBranchRow) -> str:
    return (
        f"merge '{row.repository}/{row.work_branch}' into "
        f"'{row.repository}/{row.branch}' by hand"
    )

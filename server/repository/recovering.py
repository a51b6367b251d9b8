"""Commits that lie in packs and belong to no repository: list them, give them one.

After a database was lost that is the whole history; after an older one was put back, what
was committed since. Which repository a commit belonged to, and what branches were called,
no pack knows. Commits that lost a race are among them: they were never acknowledged.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import CorruptDataError
from ..history.commit import Commit, decode_commit
from ..history.step import step_of
from ..ids import CommitId, Kind
from ..refs.store import CommitRow
from .contracts import Snapshot, WriteTransaction
from .engine import Engine
from .repositories import create_repository

COMMITS_MAX = 1_000_000
"""Commits taken back at once; 400 bytes of memory each, beside their records on disk."""
HEADS_MAX = 1000
"""Branches made of them; with more, only the newest ones get one."""

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class LostHead:
    """A commit that no repository has, and that is no parent of another such one."""

    commit: Commit
    is_readable: bool
    """Whether the root of its tree is stored."""


@dataclass(frozen=True, slots=True)
class LostCommits:
    """All of them: how many, and the newest ones, the last made first."""

    count: int
    heads: tuple[LostHead, ...]


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was made of them."""

    commit_count: int
    branches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept of each lost commit."""

    generation: int
    created_ms: int
    parents: tuple[CommitId, ...]


async def list_lost_commits(engine: Engine) -> LostCommits:
    """Return the commits that are stored and belong to no repository."""
    known = await _find_lost(engine)
    heads: list[LostHead] = []
    for commit_id in _heads_of(known):
        commit = await _read(engine, commit_id)
        stored = await engine.metadata.find(Kind.NODE, [commit.tree_id])
        heads.append(LostHead(commit, commit.tree_id in stored))
    return LostCommits(len(known), tuple(heads))


async def recover_commits(engine: Engine, repository: str, *, actor: str) -> Recovered:
    """Give the lost commits a repository of their own, with a branch for each head.

    The newest head becomes `main`, the others `recovered-2` and so on. Commits of which
    an ancestor is missing are left out.

    Raises:
        InvalidNameError: the name breaks the rules.
        RepositoryExistsError: the name is taken.
    """
    known = await _find_lost(engine)
    whole: dict[CommitId, _Known] = {}
    for commit_id, one in sorted(known.items(), key=lambda item: item[1].generation):
        if all(parent in whole for parent in one.parents):
            whole[commit_id] = one
    made = await create_repository(engine, repository, actor=actor, bare=True)
    ids = list(whole)
    for at in range(0, len(ids), _PAGE):
        rows: list[CommitRow] = []
        for commit_id in ids[at : at + _PAGE]:
            (record,) = await engine.chunks.read(Kind.COMMIT, [commit_id])
            step = step_of(decode_commit(record), None)
            rows.append(CommitRow(commit_id, record, step=step))

        async def record_all(
            tx: WriteTransaction, some: tuple[CommitRow, ...] = tuple(rows)
        ) -> None:
            for row in some:
                await tx.record_commit(made.id, row)

        await engine.metadata.write(record_all)
    branches: list[str] = []
    for number, head in enumerate(_heads_of(whole), 1):
        name = made.default_branch if number == 1 else f"recovered-{number}"

        async def create(
            tx: WriteTransaction, at: CommitId = head, called: str = name
        ) -> None:
            now_ms = engine.clock()
            await tx.create_branch(
                made.id, called, at, hidden=False, actor=actor, now_ms=now_ms
            )

        await engine.metadata.write(create)
        branches.append(name)
    return Recovered(len(whole), tuple(branches))


async def _find_lost(engine: Engine) -> dict[CommitId, _Known]:
    lost: dict[CommitId, _Known] = {}
    after: bytes = b""
    while len(lost) < COMMITS_MAX:

        async def page(snapshot: Snapshot, at: bytes = after) -> list[CommitId]:
            return await snapshot.page_lost_commits(after=at, limit=_PAGE)

        ids = await engine.metadata.snapshot(page)
        for commit_id in ids:
            try:
                commit = await _read(engine, commit_id)
            except CorruptDataError:
                continue  # `verify` says so
            lost[commit_id] = _Known(
                commit.generation, commit.created_ms, commit.parents
            )
        if len(ids) < _PAGE:
            break
        after = ids[-1]
    return lost


def _heads_of(known: dict[CommitId, _Known]) -> list[CommitId]:
    """Return those that are no parent of another, the newest first."""
    parents = {parent for one in known.values() for parent in one.parents}
    heads = [commit_id for commit_id in known if commit_id not in parents]
    heads.sort(key=lambda commit_id: (-known[commit_id].created_ms, commit_id))
    return heads[:HEADS_MAX]


async def _read(engine: Engine, commit_id: CommitId) -> Commit:
    (record,) = await engine.chunks.read(Kind.COMMIT, [commit_id])
    return decode_commit(record)

"""Runs that ended, as models are made of them: kept as the registry finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lakebed.server.chunks.index import Frame
from lakebed.server.errors import PermissionDeniedError
from lakebed.server.ids import CommitId, Kind
from lakebed.server.provenance.aliases import promote
from lakebed.server.provenance.registering import register
from lakebed.server.repository import commits, objects, repositories
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.objects import stat_object
from lakebed.server.repository.resolving import get_repository, resolve
from lakebed.server.runs.names import make_run_id
from lakebed.server.runs.record import RunRecord, encode_record, hash_record
from lakebed.server.runs.rows import Artifact, NewRun, RunRow, RunScope
from lakebed.server.runs.statuses import How, Status

from support.engines import open_engine

R = "lake"
MODEL_FILES = {b"model/weights.bin": b"w1", b"model/conf/a.json": b"{}"}


@dataclass(frozen=True)
class Somebody:
    """A caller who may do everything, or read only what is listed."""

    name: str = "ann"
    user_id: int = 101
    readable: tuple[tuple[str, str], ...] | None = None
    run: RunScope | None = None

    @property
    def is_admin(self) -> bool:
        return self.readable is None

    def require_read(self, repository: str, ref: str | None) -> None:
        if self.readable is not None and (repository, ref) not in self.readable:
            raise PermissionDeniedError(f"access denied: '{repository}/{ref}'")

    def require_write(self, repository: str, ref: str) -> None:
        self.require_read(repository, ref)

    def may_read(self, repository: str) -> bool:
        return self.readable is None or repository in dict(self.readable)

    def administers(self, repository: str) -> bool:
        return self.readable is None


ANN, BOB, EVE = Somebody(), Somebody("bob", 102), Somebody("eve", 103)


async def write_files(
    engine: Engine,
    files: Mapping[bytes, bytes] = MODEL_FILES,
    *,
    repository: str = R,
    branch: str = "main",
) -> CommitId:
    """Commit files, in a repository that is made if need be."""
    page = await repositories.list_repositories(engine, limit=100)
    if repository not in [found.name for found in page.items]:
        await repositories.create_repository(engine, repository, actor="ann")
    for path, data in files.items():
        await objects.put_object(engine, repository, branch, path, data)
    made = await commits.commit_branch(
        engine, repository, branch, message="m", actor="ann", allow_empty=True
    )
    return made.id


async def begin_run(
    engine: Engine, repository: str = R, *, name: str | None = None
) -> RunRow:
    """Begin a run of a repository."""
    where = await get_repository(engine, repository)
    now_ms = engine.clock()
    new = NewRun(
        name=name or make_run_id(),
        repository_id=where.id,
        experiment="",
        user_id=1,
        user="ann",
        host="box",
        command="python train.py",
        parent_id=None,
        rerun_of_id=None,
        started_ms=now_ms,
        heard_ms=now_ms,
        lost_after_s=300,
        draft=b"{}",
    )
    return await engine.metadata.write(lambda tx: tx.create_run(new))


async def artifact_at(
    engine: Engine, repository: str, commit: CommitId, path: bytes
) -> Artifact:
    """Return what lies at `path`, a prefix if it is empty or ends with a slash."""
    where = await get_repository(engine, repository)
    if path.endswith(b"/") or not path:
        resolved = await resolve(engine, repository, commit.hex())
        identity = resolved.commit.content_id
        return Artifact(where.id, path, True, identity, 1)
    located = await stat_object(engine, repository, commit.hex(), path)
    entry = located.entry
    return Artifact(where.id, path, False, entry.blob_id, entry.size_bytes)


async def end_run(
    engine: Engine,
    run: RunRow,
    *,
    outputs: Sequence[tuple[str, str, CommitId, bytes]] = (),
    inputs: Sequence[tuple[str, str, CommitId, bytes]] = (),
    status: Status = Status.SUCCEEDED,
) -> str:
    """Seal a run with what it wrote and read; return its name."""
    written = [
        (await artifact_at(engine, place[0], place[2], place[3]), place)
        for place in outputs
    ]
    read = [
        (await artifact_at(engine, place[0], place[2], place[3]), place)
        for place in inputs
    ]

    async def action(tx: WriteTransaction) -> None:
        for artifact, (_, branch, commit, _) in written:
            await tx.add_output(run.id, artifact, commit, branch, how=How.DECLARED)
            await tx.need_commit(artifact.repository_id, commit, run.id)
        for artifact, (_, ref, commit, _) in read:
            await tx.add_input(run.id, artifact, commit, ref, how=How.OBSERVED)
            await tx.need_commit(artifact.repository_id, commit, run.id)
        sealed = hash_record(record)
        assert await tx.seal_run(run.id, sealed, status=status, grade="B")

    record = encode_record(_record_of(run, status))
    frame = Frame(Kind.RUN, hash_record(record), record)
    await engine.metadata.write(action, frames=[frame])
    return run.name


def _record_of(run: RunRow, status: Status) -> RunRecord:
    return RunRecord(
        id=run.name,
        repository=run.repository,
        experiment=run.experiment,
        status=status,
        user=run.user,
        host=run.host,
        started_ms=run.started_ms,
        ended_ms=run.started_ms,
        exit_code=0,
        parent=None,
        rerun_of=None,
        grade="B",
        parts={},
    )


async def train(
    engine: Engine,
    files: Mapping[bytes, bytes] = MODEL_FILES,
    outputs: Sequence[bytes] = (b"model/",),
    *,
    repository: str = R,
    branch: str = "main",
    status: Status = Status.SUCCEEDED,
    name: str | None = None,
    is_own_input: bool = False,
) -> str:
    """Do a run that publishes `files`, and perhaps reads them; return its name."""
    commit = await write_files(engine, files, repository=repository, branch=branch)
    run = await begin_run(engine, repository, name=name)
    written = [(repository, branch, commit, path) for path in outputs]
    read = written if is_own_input else []
    return await end_run(engine, run, outputs=written, inputs=read, status=status)


async def judge(engine: Engine, ref: str, *, status: Status = Status.SUCCEEDED) -> str:
    """Do a run that reads all files of a version; return its name."""
    version = await resolve(engine, "models", ref)
    run = await begin_run(engine)
    inputs = [("models", ref, version.commit.id, b"")]
    return await end_run(engine, run, inputs=inputs, status=status)


async def make_version(
    engine: Engine, name: str = "fraud", *, weights: bytes = b"w", who: Somebody = ANN
) -> int:
    """Train and register; return the number."""
    run = await train(engine, {**MODEL_FILES, b"model/weights.bin": weights})
    view = await register(engine, who, name, run)
    return view.version.number


async def make_fraud(directory: Path) -> None:
    """Make a lake with `fraud@1` and `fraud@2`, and `prod` at the first."""
    async with open_engine(directory) as engine:
        await make_version(engine, weights=b"first")
        await make_version(engine, weights=b"second")
        await promote(engine, ANN, "fraud", "prod", 1)

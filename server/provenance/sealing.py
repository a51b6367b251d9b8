"""The record of a run is put together and kept: from then on it never changes.

Points and log become blobs, first; then, in one transaction, the record, the outputs as
edges, what commits it needs, and the end of its key and of its work branches.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as replaced

from lakebed.client.wire.runs import NOT_PUBLISHED

from ..chunks.index import Frame, StoredFrame
from ..chunks.pack import FRAME_BYTES_MAX
from ..history.commit import Commit
from ..ids import BlobId, CommitId, Kind
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..repository.publishing import start_full_purge
from ..repository.uploading import UploadLease, take_in
from ..runs.grading import UNPUBLISHED
from ..runs.points import join_encoded
from ..runs.record import (
    Deletion,
    Edge,
    KeptFile,
    Metric,
    Missing,
    RunRecord,
    encode_record,
    hash_record,
)
from ..runs.rows import Artifact, FileRow, RunRow
from ..runs.statuses import How, Status
from ..tree.entry import unpack_entry
from ..tree.lookup import find_many
from .assembling import assemble, grade
from .contents import find_contents
from .drafts import Draft
from .inputs import is_prefix
from .publishing import WRITTEN_MAX, Published, Unpublished

LOG_FILE = "log"
"""The name of the kept file that the log becomes."""
PIECES_AT_ONCE = 256
"""Pieces of points or log read at once, 4 MiB each at most."""
RECORD_BYTES_MAX = FRAME_BYTES_MAX - 64 * 1024
"""Of a record, which is one frame. Ten thousand edges and all else that is usual are 3 MiB."""


@dataclass(slots=True)
class _Blobs:
    """Bytes that were taken in for a record, to be recorded with it."""

    lease: UploadLease
    frames: list[Frame] = field(default_factory=list[Frame])
    stored: list[StoredFrame] = field(default_factory=list[StoredFrame])

    async def take(
        self, engine: Engine, body: bytes | AsyncIterator[bytes]
    ) -> tuple[BlobId, int]:
        """Take `body` in; return its blob id and size."""
        blob = await take_in(engine, body, self.lease)
        self.frames += blob.frames
        self.stored += blob.stored
        return blob.blob_id, blob.size_bytes


@dataclass(frozen=True, slots=True)
class _Output:
    """An edge of the record, and of the rows."""

    edge: Edge
    artifact: Artifact


async def seal(
    engine: Engine,
    run: RunRow,
    draft: Draft,
    status: Status,
    published: Sequence[Published],
    unpublished: Sequence[Unpublished] = (),
) -> bool:
    """Seal `run`, whose end was asked for; False: another one did it."""
    blobs = _Blobs(UploadLease(engine))
    outputs, gaps = await _find_outputs(engine, draft, status, published)
    deleted, cut = _find_deleted(published)
    record = await assemble(engine, run, draft)
    metrics = [await _keep_points(engine, run, each, blobs) for each in record.metrics]
    log = await _keep_log(engine, run, blobs)
    files = {each.name: each for each in record.files}
    if log is not None:
        files[LOG_FILE] = KeptFile(log.name, log.blob_id, log.size_bytes)
    record = replaced(
        record,
        status=status,
        metrics=tuple(metrics),
        outputs=tuple(each.edge for each in outputs),
        deleted=tuple(deleted),
        files=tuple(files.values()),
        missing=(*record.missing, *gaps, *cut, *map(_explain_unpublished, unpublished)),
    )
    record, data = _fit(replaced(record, grade=grade(record)))
    inputs = await engine.metadata.list_inputs(run.id)
    needed = {
        *((each.artifact.repository_id, each.commit) for each in inputs),
        *((each.artifact.repository_id, each.edge.commit) for each in outputs),
        *(
            (each.row.repository_id, CommitId(each.commit.id))
            for each in published
            if each.commit is not None and each.deleted
        ),
    }

    async def action(tx: WriteTransaction) -> bool:
        if not await tx.seal_run(
            run.id, hash_record(data), status=status, grade=record.grade
        ):
            return False
        if log is not None:
            await tx.put_file(run.id, log)
        for each in outputs:
            await tx.add_output(
                run.id,
                each.artifact,
                each.edge.commit,
                each.edge.ref,
                how=each.edge.how,
                local=each.edge.local,
            )
        for repository_id, commit in needed:
            await tx.need_commit(repository_id, commit, run.id)
        await _drop_work_branches(tx, engine, run, published)
        await blobs.lease.release(tx)
        return True

    frames = [*blobs.frames, Frame(Kind.RUN, hash_record(data), data)]
    sealed = await engine.metadata.write(action, frames=frames, stored=blobs.stored)
    if sealed:
        start_full_purge(engine)
    return sealed


async def _drop_work_branches(
    tx: WriteTransaction, engine: Engine, run: RunRow, published: Sequence[Published]
) -> None:
    """Delete the work branches of `run`, but those that could not be published."""
    kept = {
        (each.row.repository_id, each.row.branch)
        for each in published
        if each.commit is None
    }
    for row in await tx.list_work_branches(run.id):
        if (row.repository_id, row.branch) in kept:
            continue
        if row.work_branch is not None:
            await tx.delete_ref(
                row.repository_id,
                row.work_branch,
                kind="branch",
                actor=run.user,
                now_ms=engine.clock(),
            )
        await tx.remove_work_branch(run.id, row.repository_id, row.branch)


# Outputs -----------------------------------------------------------------------------


async def _find_outputs(
    engine: Engine, draft: Draft, status: Status, published: Sequence[Published]
) -> tuple[list[_Output], list[Missing]]:
    """Return what was published: declared prefixes and files, and every file."""
    gaps = [
        Missing("outputs", f"{NOT_PUBLISHED}{each.failure}")
        for each in published
        if each.commit is None
    ]
    by_branch = {
        (each.row.repository, each.row.branch): (each, each.commit)
        for each in published
        if each.commit is not None
    }
    outputs: dict[tuple[str, str, bytes], _Output] = {}
    for each, commit in by_branch.values():
        for output in await _find_files(engine, each, commit):
            outputs[_place(output)] = output
        if len(each.written) > WRITTEN_MAX:
            gaps.append(
                Missing(
                    "outputs",
                    f"more than {WRITTEN_MAX} files were written to branch "
                    f"'{each.row.branch}': those behind '{each.written[-2].decode()}' "
                    "are not listed",
                )
            )
    failed = {
        (each.row.repository, each.row.branch)
        for each in published
        if each.commit is None
    }
    for wish in draft.outputs if status in (Status.SUCCEEDED, Status.FAILED) else ():
        found = by_branch.get((wish.repository, wish.branch))
        path = wish.path.encode()
        declared = None
        if found is not None:
            declared = await _find_declared(engine, found[0], found[1], path)
        if declared is not None:
            edge = replaced(declared.edge, how=How.DECLARED, local=wish.local)
            outputs[_place(declared)] = _Output(edge, declared.artifact)
        elif (
            status is Status.SUCCEEDED and (wish.repository, wish.branch) not in failed
        ):
            gaps.append(
                Missing(
                    "outputs",
                    "nothing was written to "
                    f"'lakebed://{wish.repository}/{wish.branch}/{wish.path}', which "
                    "was declared",
                )
            )
    return list(outputs.values()), gaps


def _find_deleted(
    published: Sequence[Published],
) -> tuple[list[Deletion], list[Missing]]:
    """Return what was deleted by what was published, as much as a record lists."""
    found: list[Deletion] = []
    gaps: list[Missing] = []
    for each in published:
        if each.commit is None:
            continue
        commit = CommitId(each.commit.id)
        found += (
            Deletion(each.row.repository, each.branch, commit, path)
            for path in each.deleted[:WRITTEN_MAX]
        )
        if len(each.deleted) > WRITTEN_MAX:
            gaps.append(
                Missing(
                    "outputs",
                    f"more than {WRITTEN_MAX} files of branch '{each.row.branch}' were "
                    f"deleted: those behind '{each.deleted[-2].decode()}' are not listed",
                )
            )
    return found, gaps


def _explain_unpublished(what: Unpublished) -> Missing:
    count, was = f"{what.count:,} files", "were"
    if what.count == 1:
        count, was = "1 file", "was"
    elif what.count > WRITTEN_MAX:
        count = f"more than {WRITTEN_MAX:,} files"
    return Missing(
        UNPUBLISHED,
        f"{count} of branch '{what.row.branch}' of '{what.row.repository}' {was} written "
        "or deleted, and not published: the run did not succeed",
    )


def _place(output: _Output) -> tuple[str, str, bytes]:
    edge = output.edge
    return edge.repository, edge.ref, edge.path


async def _find_files(
    engine: Engine, published: Published, commit: Commit
) -> list[_Output]:
    paths = published.written[:WRITTEN_MAX]
    packed = await engine.build(find_many, engine.nodes, commit.tree_id, paths)
    outputs: list[_Output] = []
    for path in paths:
        if path not in packed:
            continue  # written, then deleted
        entry = unpack_entry(path, packed[path])
        outputs.append(
            _output(published, commit, path, entry.blob_id, entry.size_bytes)
        )
    return outputs


async def _find_declared(
    engine: Engine, published: Published, commit: Commit, path: bytes
) -> _Output | None:
    if not is_prefix(path):
        packed = await engine.build(find_many, engine.nodes, commit.tree_id, [path])
        if path not in packed:
            return None
        entry = unpack_entry(path, packed[path])
        return _output(published, commit, path, entry.blob_id, entry.size_bytes)
    contents = await find_contents(engine, commit.tree_id, path)
    if not contents.file_count:
        return None
    return _output(
        published,
        commit,
        path,
        contents.identity,
        contents.size_bytes,
    )


def _output(
    published: Published, commit: Commit, path: bytes, identity: bytes, size_bytes: int
) -> _Output:
    row, is_below = published.row, is_prefix(path)
    artifact = Artifact(row.repository_id, path, is_below, identity, size_bytes)
    edge = Edge(
        row.repository,
        published.branch,
        CommitId(commit.id),
        path,
        is_below,
        identity,
        size_bytes,
        How.OBSERVED,
    )
    return _Output(edge, artifact)


# Points and log ----------------------------------------------------------------------


async def _keep_points(
    engine: Engine, run: RunRow, metric: Metric, blobs: _Blobs
) -> Metric:
    """Take the points of a metric in, as one blob."""
    pieces: list[bytes] = []
    after = 0
    while page := await engine.metadata.list_points(
        run.id, metric.name, after=after, limit=PIECES_AT_ONCE
    ):
        pieces += [piece for _, piece in page]
        after = page[-1][0]
    if not pieces:
        return metric
    data = pieces[0]
    if len(pieces) > 1:
        data = await engine.build(join_encoded, pieces)
    blob_id, _ = await blobs.take(engine, data)
    return replaced(metric, points=blob_id)


async def _keep_log(engine: Engine, run: RunRow, blobs: _Blobs) -> FileRow | None:
    """Take the log in, as a kept file; None: there is none."""
    if not run.log_bytes:
        return None
    blob_id, size_bytes = await blobs.take(engine, iter_log(engine, run))
    return FileRow(LOG_FILE, blob_id, size_bytes)


async def iter_log(engine: Engine, run: RunRow) -> AsyncIterator[bytes]:
    """Yield the log of a run that goes on, in its order."""
    after = 0
    while page := await engine.metadata.list_log(
        run.id, after=after, limit=PIECES_AT_ONCE
    ):
        for _, text in page:
            yield text.encode()
        after = page[-1][0]


def _fit(record: RunRecord) -> tuple[RunRecord, bytes]:
    """Return the record and its bytes; of one that is too long, as much as fits.

    Whatever a recorder sent, a run comes to its end.
    """
    data = encode_record(record)
    left_out = 0
    while len(data) > RECORD_BYTES_MAX:
        inputs, outputs, deleted = record.inputs, record.outputs, record.deleted
        if not inputs and not outputs and not deleted:
            record = replaced(record, params={}, parts={})
            gap = Missing("params", "they are too long to be kept in a record")
        else:
            left_out += len(inputs) - len(inputs) // 2
            left_out += len(outputs) - len(outputs) // 2
            left_out += len(deleted) - len(deleted) // 2
            gap = Missing(
                "inputs", f"{left_out} inputs and outputs are too many to list"
            )
            inputs, outputs = inputs[: len(inputs) // 2], outputs[: len(outputs) // 2]
            deleted = deleted[: len(deleted) // 2]
        gaps = (*(each for each in record.missing if each.what != gap.what), gap)
        record = replaced(
            record, inputs=inputs, outputs=outputs, deleted=deleted, missing=gaps
        )
        data = encode_record(record)
    return record, data

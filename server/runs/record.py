"""Canonical bytes of a sealed run. The format is `docs/format/run.md`; change both.

The id of a record is the hash of these bytes, so equal runs encode equally: fields in a
fixed order, what is a set sorted, numbers in their shortest form.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from lakebed.client.wire.run_parts import PARTS
from lakebed.client.wire.runs import ParamValue

from ..errors import CorruptDataError
from ..ids import DIGEST_BYTES, CommitId, Kind, hash_stored
from ..tree.canonical import pack, unpack
from .documents import Canonical, from_canonical, sort_params, to_canonical
from .points import Summary
from .statuses import How, Status, kind_of

_VERSION = 1
_FIELDS = 24
"""Of a run that deleted nothing; what one deleted is one more, so that the bytes of the
others are those of before it was recorded."""


@dataclass(frozen=True, slots=True)
class Edge:
    """What a run read, or wrote."""

    repository: str
    ref: str
    """As it was written; of an output the branch."""
    commit: CommitId
    path: bytes
    is_prefix: bool
    identity: bytes
    """Blob id of a file, content id of what lies below a prefix."""
    size_bytes: int
    how: How
    local: str | None = None

    def fields(self) -> tuple[object, ...]:
        """Return what the record has of it; edges are in the order of these."""
        return (
            self.repository,
            self.ref,
            self.commit,
            self.path,
            kind_of(self.is_prefix),
            self.identity,
            self.size_bytes,
            self.how.word,
            self.local,
        )


@dataclass(frozen=True, slots=True, order=True)
class Deletion:
    """What was there when a run began, and is not at the commit that it published."""

    repository: str
    branch: str
    commit: CommitId
    path: bytes


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric in short, and where its points are."""

    name: str
    summary: Summary
    points: bytes | None = None
    """Blob id."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """Bytes kept with a run."""

    name: str
    blob_id: bytes
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Missing:
    """What could not be recorded, and why."""

    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run that has ended."""

    id: str
    """32 hex digits."""
    repository: str
    experiment: str
    status: Status
    user: str
    host: str
    started_ms: int
    ended_ms: int
    exit_code: int | None
    parent: str | None
    rerun_of: str | None
    grade: str
    parts: Mapping[str, Mapping[str, Any]]
    """By the names of `PARTS`."""
    params: Mapping[str, ParamValue] = field(default_factory=dict[str, ParamValue])
    metrics: tuple[Metric, ...] = ()
    inputs: tuple[Edge, ...] = ()
    outputs: tuple[Edge, ...] = ()
    deleted: tuple[Deletion, ...] = ()
    files: tuple[KeptFile, ...] = ()
    missing: tuple[Missing, ...] = ()

    def find_metric(self, name: str) -> Metric | None:
        """Return the metric `name`, or None."""
        return next((each for each in self.metrics if each.name == name), None)


def hash_record(data: bytes) -> bytes:
    """Return the id of the record with the canonical bytes `data`."""
    return hash_stored(Kind.RUN, data)


def encode_record(record: RunRecord) -> bytes:
    """Return the canonical bytes of `record`.

    Raises:
        InvalidValueError: a part holds what no canonical bytes have.
    """
    return pack(
        (
            _VERSION,
            bytes.fromhex(record.id),
            record.repository,
            record.experiment,
            record.status.word,
            record.user,
            record.host,
            record.started_ms,
            record.ended_ms,
            record.exit_code,
            _pack_id(record.parent),
            _pack_id(record.rerun_of),
            record.grade,
            *(to_canonical(part, record.parts.get(part, {})) for part in PARTS),
            sort_params(record.params),
            tuple(
                _metric_fields(each)
                for each in sorted(record.metrics, key=lambda metric: metric.name)
            ),
            _sort_edges(record.inputs),
            _sort_edges(record.outputs),
            tuple(
                (each.name, each.blob_id, each.size_bytes)
                for each in sorted(record.files, key=lambda kept: kept.name)
            ),
            tuple((each.what, each.reason) for each in record.missing),
            *([_pack_deleted(record.deleted)] if record.deleted else ()),
        )
    )


def decode_record(data: bytes) -> RunRecord:
    """Return the record with the canonical bytes `data`.

    Raises:
        CorruptDataError: `data` is no record in a version this code reads.
    """
    try:
        row = cast("Canonical", unpack(data))
    except ValueError as error:
        raise CorruptDataError(f"record does not decode: {error}") from error
    if (
        not isinstance(row, tuple)
        or len(row) not in (_FIELDS, _FIELDS + 1)
        or row[0] != _VERSION
    ):
        raise CorruptDataError("record is malformed or of an unknown version")
    head, parts, rest = row[1:13], row[13:18], row[18:_FIELDS]
    match head, rest:
        case (
            (
                bytes(run_id),
                str(repository),
                str(experiment),
                str(status),
                str(user),
                str(host),
                int(started_ms),
                int(ended_ms),
                int() | None as exit_code,
                bytes() | None as parent,
                bytes() | None as rerun_of,
                str(grade),
            ),
            (
                tuple(params),
                tuple(metrics),
                tuple(inputs),
                tuple(outputs),
                tuple(files),
                tuple(missing),
            ),
        ):
            return RunRecord(
                run_id.hex(),
                repository,
                experiment,
                _read_status(status),
                user,
                host,
                started_ms,
                ended_ms,
                exit_code,
                None if parent is None else parent.hex(),
                None if rerun_of is None else rerun_of.hex(),
                grade,
                dict(zip(PARTS, map(_read_part, parts), strict=True)),
                dict(_read_param(each) for each in params),
                tuple(_read_metric(each) for each in metrics),
                tuple(_read_edge(each) for each in inputs),
                tuple(_read_edge(each) for each in outputs),
                _read_deleted(row[_FIELDS:]),
                tuple(_read_file(each) for each in files),
                tuple(_read_missing(each) for each in missing),
            )
        case _:
            raise CorruptDataError("record has a malformed field")


def _pack_id(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _metric_fields(metric: Metric) -> tuple[object, ...]:
    short = metric.summary
    return (
        metric.name,
        to_canonical("metrics", short.last),
        short.last_step,
        to_canonical("metrics", short.min),
        to_canonical("metrics", short.max),
        short.count,
        metric.points,
    )


def _sort_edges(edges: tuple[Edge, ...]) -> tuple[tuple[object, ...], ...]:
    # What is told apart by nothing but where it was checked out to comes last.
    return tuple(
        edge.fields()
        for edge in sorted(
            edges, key=lambda edge: (*edge.fields()[:-1], edge.local or "")
        )
    )


def _pack_deleted(deleted: tuple[Deletion, ...]) -> tuple[tuple[object, ...], ...]:
    return tuple(
        (each.repository, each.branch, each.commit, each.path)
        for each in sorted(deleted)
    )


def _read_deleted(fields: tuple[Canonical, ...]) -> tuple[Deletion, ...]:
    """Read the last field, which is there if the run deleted something."""
    match fields:
        case ():
            return ()
        case ((_, *_) as rows,):
            return tuple(_read_deletion(row) for row in rows)
        case _:
            raise CorruptDataError("record has a malformed list of what was deleted")


def _read_deletion(row: Canonical) -> Deletion:
    match row:
        case (str(repository), str(branch), bytes(commit), bytes(path)) if (
            len(commit) == DIGEST_BYTES
        ):
            return Deletion(repository, branch, CommitId(commit), path)
        case _:
            raise CorruptDataError("record has a malformed deletion")


def _read_status(word: str) -> Status:
    status = Status.parse(word)
    if status is None:
        raise CorruptDataError(f"record has the status '{word[:20]}'")
    return status


def _read_part(value: Canonical) -> dict[str, Any]:
    part = from_canonical(value)
    if not isinstance(part, dict):
        raise CorruptDataError("record has a part that is no object")
    return cast("dict[str, Any]", part)


def _read_param(row: Canonical) -> tuple[str, ParamValue]:
    match row:
        case (str(name), value):
            read = from_canonical(value)
            if read is None or isinstance(read, bool | int | float | str):
                return name, read
        case _:
            pass
    raise CorruptDataError("record has a malformed parameter")


def _read_metric(row: Canonical) -> Metric:
    match row:
        case (
            str(name),
            last,
            int(last_step),
            low,
            high,
            int(count),
            bytes() | None as points,
        ):
            numbers: list[Any] = [from_canonical(each) for each in (last, low, high)]
            if all(each is None or isinstance(each, float) for each in numbers):
                first, second, third = cast("list[float | None]", numbers)
                summary = Summary(first, last_step, second, third, count)
                return Metric(name, summary, points)
        case _:
            pass
    raise CorruptDataError("record has a malformed metric")


def _read_edge(row: Canonical) -> Edge:
    match row:
        case (
            str(repository),
            str(ref),
            bytes(commit),
            bytes(path),
            ("file" | "prefix") as kind,
            bytes(identity),
            int(size_bytes),
            ("declared" | "observed") as how,
            str() | None as local,
        ) if len(commit) == len(identity) == DIGEST_BYTES:
            return Edge(
                repository,
                ref,
                CommitId(commit),
                path,
                kind == "prefix",
                identity,
                size_bytes,
                How.parse(how),
                local,
            )
        case _:
            raise CorruptDataError("record has a malformed input or output")


def _read_file(row: Canonical) -> KeptFile:
    match row:
        case (str(name), bytes(blob_id), int(size_bytes)):
            return KeptFile(name, blob_id, size_bytes)
        case _:
            raise CorruptDataError("record has a malformed file")


def _read_missing(row: Canonical) -> Missing:
    match row:
        case (str(what), str(reason)):
            return Missing(what, reason)
        case _:
            raise CorruptDataError("record has a malformed gap")

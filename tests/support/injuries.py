"""A lake with one of every kind of stored thing, and every way to damage each of them.

`FRAMES`, `PACKS` and `ROWS` (`injured_rows.py`) are tables: a new kind of frame, or a new
table of the database, that is in none of them fails a test until somebody says how it is
damaged.
"""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

from lakebed.server.chunks import recipe_builder
from lakebed.server.chunks.index import Frame, Location, StoredFrame
from lakebed.server.chunks.recipe import decode_recipe
from lakebed.server.chunks.scanning import PackScan
from lakebed.server.errors import (
    CorruptDataError,
    ObjectNotFoundError,
    StorageFailedError,
)
from lakebed.server.ids import Kind, hash_chunk
from lakebed.server.metadata.database import READER_CACHE_KIB, Session
from lakebed.server.repository import commits, objects, repositories, tags
from lakebed.server.repository.bundles import SmallObject, put_many
from lakebed.server.repository.contracts import WriteTransaction
from lakebed.server.repository.engine import Engine
from lakebed.server.runs.record import (
    KeptFile,
    RunRecord,
    encode_record,
    hash_record,
)
from lakebed.server.runs.statuses import Status
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.tree.codec import decode_node
from lakebed.server.tree.node import Inner

from support import uploads
from support.engines import open_engine

R = "repo"
SMALL_COUNT = 1_200
"""Enough for several leaves under an inner node."""

_random = random.Random(11)
NOISE = _random.randbytes(20_000)
TWIN = _random.randbytes(20_000)
LARGE = _random.randbytes(2_500_000)
DEEP = _random.randbytes(3_000_000)

Contents = Mapping[tuple[str, bytes], bytes]
"""What each ref shows at each path that the tests look at."""


def _small(number: int) -> tuple[bytes, bytes]:
    return b"many/%06d" % number, b"number %d" % number


def _run_frame() -> Frame:
    """Return the record of a run that kept a file."""
    kept = KeptFile("noise", hash_chunk(NOISE), len(NOISE))
    record = encode_record(
        RunRecord(
            id="ab" * 16,
            repository=R,
            experiment="",
            status=Status.SUCCEEDED,
            user="ann",
            host="host",
            started_ms=0,
            ended_ms=1,
            exit_code=0,
            parent=None,
            rerun_of=None,
            grade="",
            parts={},
            files=(kept,),
        )
    )
    return Frame(Kind.RUN, hash_record(record), record)


INSERT_RUN = (
    "INSERT INTO run (id, name, repository_id, experiment, status, user_id, user_name, "
    "host, command, started_ms, heard_ms, lost_after_s, log_sequence, record) "
    "VALUES (?, ?, 1, '', 1, 0, '', '', '', 0, 0, 0, 0, ?)"
)


async def _nothing(tx: WriteTransaction) -> None:
    del tx


async def make_lake(directory: Path) -> Contents:
    """Make the lake; return what it shows at the paths that are looked at."""
    first = {
        b"a-noise": NOISE,
        b"b-text": b"all work and no play " * 500,
        b"large": LARGE,
        b"empty": b"",
    }
    async with open_engine(directory) as engine:
        await repositories.create_repository(engine, R, actor="me")
        numbered = [_small(number) for number in range(SMALL_COUNT)]
        for some in (numbered[:600], numbered[600:]):
            bundle = [
                SmallObject(path, data, hashlib.md5(data).digest())
                for path, data in some
            ]
            await put_many(engine, R, "main", bundle)
        for path, data in first.items():
            await objects.put_object(engine, R, "main", path, data)
        await commits.commit_branch(engine, R, "main", message="first", actor="me")
        await tags.create_tag(engine, R, "v1", "main", actor="me")
    # Another process, another pack.
    async with open_engine(directory) as engine:
        with (
            mock.patch.object(recipe_builder, "FLAT_ROWS_MAX", 4),
            mock.patch.object(recipe_builder, "ROWS_MIN", 2),
            mock.patch.object(recipe_builder, "ROWS_MAX", 4),
        ):
            await objects.put_object(engine, R, "main", b"deep", DEEP)
        await objects.put_object(engine, R, "main", b"a-twin", TWIN)
        await commits.commit_branch(engine, R, "main", message="second", actor="me")
        await objects.put_object(engine, R, "main", b"staged", b"not committed" * 99)
        name = await uploads.begin(engine, R, b"parts")
        await uploads.put_parts(engine, name, [LARGE[:1_500_000], NOISE])
        record = _run_frame()
        await engine.metadata.write(_nothing, frames=[record])
    Lake(directory).run(INSERT_RUN, 7, "ab" * 16, record.id)
    watched = [_small(number) for number in range(0, SMALL_COUNT, 60)]
    at_v1 = {**first, **dict(watched)}
    at_main = {
        **at_v1,
        b"deep": DEEP,
        b"a-twin": TWIN,
        b"staged": b"not committed" * 99,
    }
    contents = {("v1", path): data for path, data in at_v1.items()}
    contents.update((("main", path), data) for path, data in at_main.items())
    return contents


async def read_watched(
    engine: Engine, contents: Contents
) -> dict[tuple[str, bytes], bytes]:
    """Return what can be read of `contents`; each object by itself."""
    found: dict[tuple[str, bytes], bytes] = {}
    for ref, path in contents:
        try:
            located = await objects.stat_object(engine, R, ref, path)
            pieces = objects.read_object(engine, located.entry)
            data = b"".join([bytes(piece) async for piece in pieces])
        except (CorruptDataError, StorageFailedError):
            continue
        except ObjectNotFoundError:
            found[ref, path] = b"(not found)"  # no error: a wrong answer
            continue
        found[ref, path] = data
    return found


@dataclass
class Lake:
    """A lake that nobody has open, to be damaged."""

    directory: Path
    packs: dict[str, list[StoredFrame]] = field(
        default_factory=dict[str, list[StoredFrame]]
    )

    def __post_init__(self) -> None:
        storage = LocalPackStorage(self.directory)
        for name in storage.names():
            self.packs[name] = list(PackScan(storage, name).iter_index())
        storage.close()

    @property
    def storage(self) -> LocalPackStorage:
        return LocalPackStorage(self.directory)

    def path_of(self, pack: str) -> Path:
        return self.directory / "packs" / pack[:2] / f"{pack}.pack"

    def frames(self, kind: Kind) -> list[StoredFrame]:
        """Return the frames of `kind`, in the order in which they were written."""
        found = [one for frames in self.packs.values() for one in frames]
        found = [one for one in found if one.kind is kind]
        return sorted(found, key=lambda one: (one.location.pack, one.location.offset))

    def plain(self, frame: StoredFrame) -> bytes:
        from lakebed.server.chunks.codec import decode

        at = frame.location
        with self.path_of(at.pack).open("rb") as pack:
            pack.seek(at.offset)
            stored = pack.read(at.stored_bytes)
        return decode(at.codec, stored, at.plain_bytes)

    @contextmanager
    def editing(self, pack: str) -> Generator[bytearray]:
        """Change the bytes of a pack."""
        path = self.path_of(pack)
        before = path.read_bytes()
        data = bytearray(before)
        yield data
        assert data != before, "nothing was damaged"
        path.write_bytes(data)

    def run(self, sql: str, *values: object) -> int:
        """Run a statement on the database; it must change something."""
        session = Session(
            self.directory / "lakebed.db", cache_kib=READER_CACHE_KIB, may_write=True
        )
        try:
            session.run("PRAGMA ignore_check_constraints = ON")
            changed = session.run(sql, values)
            session.connection.wal_checkpoint(mode=3)
        finally:
            session.close()
        assert changed, f"nothing was damaged: {sql}"
        return changed

    def value(self, sql: str, *values: object) -> bytes:
        """Return the only value of a query."""
        session = Session(self.directory / "lakebed.db", cache_kib=READER_CACHE_KIB)
        row = session.row(sql, values)
        session.close()
        assert row is not None
        return bytes(row[0])


# --- frames ---------------------------------------------------------------------------


def _longest(frames: Sequence[StoredFrame]) -> StoredFrame:
    return max(frames, key=lambda one: one.location.plain_bytes)


def _find(lake: Lake, kind: Kind, test: Callable[[bytes], bool]) -> StoredFrame:
    return next(one for one in lake.frames(kind) if test(lake.plain(one)))


FRAMES: Mapping[str, tuple[Kind, Callable[[Lake], StoredFrame]]] = {
    "chunk": (Kind.CHUNK, lambda lake: _find(lake, Kind.CHUNK, NOISE.__eq__)),
    "compressed chunk": (
        Kind.CHUNK,
        lambda lake: _find(lake, Kind.CHUNK, lambda data: data.startswith(b"all work")),
    ),
    "chunk of a large object": (
        Kind.CHUNK,
        lambda lake: _longest(lake.frames(Kind.CHUNK)),
    ),
    "staged chunk": (
        Kind.CHUNK,
        lambda lake: _find(lake, Kind.CHUNK, lambda data: data.startswith(b"not comm")),
    ),
    "leaf": (
        Kind.NODE,
        lambda lake: _find(
            lake,
            Kind.NODE,
            lambda data: (
                decode_node(data).entry_count > 100 and decode_node(data).level == 0
            ),
        ),
    ),
    "inner node": (
        Kind.NODE,
        lambda lake: _find(
            lake, Kind.NODE, lambda data: isinstance(decode_node(data), Inner)
        ),
    ),
    "commit": (Kind.COMMIT, lambda lake: lake.frames(Kind.COMMIT)[-1]),
    "recipe": (
        Kind.RECIPE,
        lambda lake: _find(
            lake, Kind.RECIPE, lambda data: decode_recipe(data).size_bytes == len(LARGE)
        ),
    ),
    "inner recipe": (
        Kind.RECIPE,
        lambda lake: _find(
            lake, Kind.RECIPE, lambda data: decode_recipe(data).size_bytes == len(DEEP)
        ),
    ),
    "run": (Kind.RUN, lambda lake: lake.frames(Kind.RUN)[0]),
    "leaf recipe": (
        Kind.RECIPE,
        lambda lake: _find(
            lake,
            Kind.RECIPE,
            lambda data: decode_recipe(data).size_bytes not in (len(LARGE), len(DEEP)),
        ),
    ),
}
"""One of each kind of frame, in each of its forms."""

KINDS_NOT_STORED = {
    Kind.EXTERNAL: "objects left where they lie are not built yet",
}


def flip(lake: Lake, frame: StoredFrame) -> None:
    at = frame.location
    with lake.editing(at.pack) as data:
        data[at.offset + at.stored_bytes // 2] ^= 0x10


def zero(lake: Lake, frame: StoredFrame) -> None:
    """Delete the frame, header and all."""
    at = frame.location
    with lake.editing(at.pack) as data:
        data[at.offset - 64 : at.offset + at.stored_bytes] = bytes(64 + at.stored_bytes)


def swap(lake: Lake, frame: StoredFrame) -> None:
    """Exchange the bytes of a frame with those of another one, as far as both go."""
    one = frame.location
    others = [
        other.location
        for other in lake.packs[one.pack]
        if other.id != frame.id
        and (other.location.stored_bytes > 100 or one.stored_bytes < 100)
    ]
    other = min(others, key=lambda at: abs(at.stored_bytes - one.stored_bytes))
    size = min(one.stored_bytes, other.stored_bytes)
    with lake.editing(one.pack) as data:
        mine = bytes(data[one.offset : one.offset + size])
        theirs = bytes(data[other.offset : other.offset + size])
        data[one.offset : one.offset + size] = theirs
        data[other.offset : other.offset + size] = mine


def delete_row(lake: Lake, frame: StoredFrame) -> None:
    lake.run("DELETE FROM chunk WHERE kind = ? AND id = ?", int(frame.kind), frame.id)


def swap_rows(lake: Lake, frame: StoredFrame) -> None:
    """Let the row of a frame point at another frame of its kind, or of any."""
    others = [
        other
        for frames in lake.packs.values()
        for other in frames
        if other.id != frame.id and other.location.pack == frame.location.pack
    ]
    at: Location = others[0].location
    lake.run(
        "UPDATE chunk SET offset = ?, stored_bytes = ?, plain_bytes = ?, codec = ? "
        "WHERE kind = ? AND id = ?",
        *(at.offset, at.stored_bytes, at.plain_bytes, at.codec),
        *(int(frame.kind), frame.id),
    )


def shift_row(lake: Lake, frame: StoredFrame) -> None:
    lake.run(
        "UPDATE chunk SET offset = offset + 1 WHERE kind = ? AND id = ?",
        *(int(frame.kind), frame.id),
    )


def cut_row(lake: Lake, frame: StoredFrame) -> None:
    lake.run(
        "UPDATE chunk SET stored_bytes = stored_bytes - 1, "
        "plain_bytes = plain_bytes - 1 WHERE kind = ? AND id = ?",
        *(int(frame.kind), frame.id),
    )


def lose_pack_row(lake: Lake, frame: StoredFrame) -> None:
    lake.run(
        "UPDATE chunk SET pack_id = 999 WHERE kind = ? AND id = ?",
        *(int(frame.kind), frame.id),
    )


def flip_header(lake: Lake, frame: StoredFrame) -> None:
    """Damage what only a scan reads: reads must not mind, and `verify` must."""
    with lake.editing(frame.location.pack) as data:
        data[frame.location.offset - 20] ^= 1


WAYS: Mapping[str, Callable[[Lake, StoredFrame], None]] = {
    "flip": flip,
    "zero": zero,
    "swap": swap,
    "row deleted": delete_row,
    "row of another": swap_rows,
    "row shifted": shift_row,
    "row cut": cut_row,
    "row in no pack": lose_pack_row,
    "header flipped": flip_header,
}


# --- packs ----------------------------------------------------------------------------


def _first(lake: Lake) -> str:
    """Return the pack with most in it."""
    return max(lake.packs, key=lambda name: len(lake.packs[name]))


def _flip_at(place: Callable[[bytearray], int]) -> Callable[[Lake], None]:
    def damage(lake: Lake) -> None:
        with lake.editing(_first(lake)) as data:
            data[place(data)] ^= 1

    return damage


def _truncate(keep: Callable[[int], int]) -> Callable[[Lake], None]:
    def damage(lake: Lake) -> None:
        with lake.editing(_first(lake)) as data:
            del data[keep(len(data)) :]

    return damage


def _delete_pack(lake: Lake) -> None:
    lake.path_of(_first(lake)).unlink()


def _exchange_packs(lake: Lake) -> None:
    one, other = (lake.path_of(name) for name in list(lake.packs)[:2])
    spare = one.with_suffix(".spare")
    one.rename(spare)
    other.rename(one)
    spare.rename(other)


def _append(lake: Lake) -> None:
    with lake.editing(_first(lake)) as data:
        data += b"x" * 100


def _make_folder_of_pack(lake: Lake) -> None:
    path = lake.path_of(_first(lake))
    path.unlink()
    path.mkdir()


def _footer_at(data: bytearray) -> int:
    return int.from_bytes(data[-32:-24], "little")


PACKS: Mapping[str, Callable[[Lake], None]] = {
    "magic": _flip_at(lambda data: 0),
    "version": _flip_at(lambda data: 4),
    "name": _flip_at(lambda data: 10),
    "first frame's magic": _flip_at(lambda data: 32),
    "footer's magic": _flip_at(_footer_at),
    "footer's row": _flip_at(lambda data: _footer_at(data) + 30),
    "trailer": _flip_at(lambda data: len(data) - 30),
    "trailer's check": _flip_at(lambda data: len(data) - 12),
    "trailer's magic": _flip_at(lambda data: len(data) - 1),
    "cut by a byte": _truncate(lambda size: size - 1),
    "cut before the footer": _truncate(lambda size: size - 5_000),
    "cut in half": _truncate(lambda size: size // 2),
    "cut behind the header": _truncate(lambda size: 32),
    "empty": _truncate(lambda size: 0),
    "longer": _append,
    "gone": _delete_pack,
    "a folder": _make_folder_of_pack,
    "exchanged with another": _exchange_packs,
}


def copy_lake(source: Path, target: Path) -> Lake:
    """Return a copy of the lake `source` at `target`."""
    shutil.copytree(source, target)
    return Lake(target)

"""Whatever is damaged is found, by who reads it and by `verify`; the rest stays readable."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed.server.chunks import checking, reader
from lakebed.server.chunks.pack import FrameHeader
from lakebed.server.errors import LakeError
from lakebed.server.ids import Kind, hash_stored
from lakebed.server.repository.verifying import report as reports
from lakebed.server.repository.verifying.report import Name, Report
from lakebed.server.repository.verifying.run import verify

from support.engines import make_directory, open_engine
from support.injured_rows import ROWS, TABLES_WITHOUT
from support.injuries import (
    FRAMES,
    KINDS_NOT_STORED,
    NOISE,
    PACKS,
    WAYS,
    Contents,
    Lake,
    copy_lake,
    make_lake,
    read_watched,
)

FRAME_CASES = [(what, how) for what in FRAMES for how in WAYS]
ROW_CASES = [(table, how) for table, ways in ROWS.items() for how in ways]


@pytest.fixture(scope="module")
def whole() -> Iterator[tuple[Path, Contents]]:
    """A lake without damage, and what it shows."""
    import asyncio

    directory = make_directory()
    contents = asyncio.run(make_lake(directory / "lake"))
    yield directory / "lake", contents
    shutil.rmtree(directory)


@pytest.fixture
def lake(whole: tuple[Path, Contents]) -> Iterator[Lake]:
    directory = make_directory()
    yield copy_lake(whole[0], directory / "lake")
    shutil.rmtree(directory)


STAGED = "staged"
"""The path that is not committed on `main`."""


@pytest.fixture(autouse=True)
def every_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let faults have all of their names, so that they can be compared with reads."""
    monkeypatch.setattr(reports, "NAMES_MAX", 10**6)


async def look(lake: Lake, contents: Contents) -> tuple[Report, Contents]:
    """Verify a lake and read it; what is read must be right."""
    async with open_engine(lake.directory) as engine:
        report = await verify(engine)
    async with open_engine(lake.directory) as engine:
        found = await read_watched(engine, contents)
    check_reads(found, contents)
    return report, found


def check_reads(found: Contents, contents: Contents) -> None:
    for place, data in found.items():
        assert data == contents[place], f"{place} was served wrong"


def concerns(report: Report, ref: str, path: bytes) -> bool:
    """Tell whether `report` says that the object cannot be read."""
    return any(
        is_of(name, ref, path.decode()) for each in report.faults for name in each.names
    )


def is_of(name: Name, ref: str, path: str) -> bool:
    if name.ref != ref:
        return False
    after, is_range, last = name.path.partition(" ... ")
    if is_range:  # a part of a tree, which what is staged does not ask
        return path != STAGED and after < path and (not last or path <= last)
    return name.path in ("", path)


async def test_a_whole_lake_is_sound(whole: tuple[Path, Contents]) -> None:
    directory, contents = whole
    async with open_engine(directory) as engine:
        report = await verify(engine)
        assert await read_watched(engine, contents) == contents

    assert report.faults == []
    assert report.notes == []
    assert report.frames.keys() == {"chunk", "node", "commit", "recipe", "run"}
    for table in ("ref", "ref_log", "commit_record", "commit_step", "staged", "run"):
        assert report.rows[table] > 0, table
    assert report.rows["upload_part"] == 2


@pytest.mark.parametrize(("what", "how"), FRAME_CASES)
async def test_damage_of_a_frame_is_found(
    lake: Lake, whole: tuple[Path, Contents], what: str, how: str
) -> None:
    contents = whole[1]
    WAYS[how](lake, FRAMES[what][1](lake))

    report, found = await look(lake, contents)

    assert report.faults, "verify found nothing"
    for ref, path in contents:
        is_named = concerns(report, ref, path)
        assert ((ref, path) in found) != is_named, f"{ref}/{path.decode()}"


@pytest.mark.parametrize("how", list(PACKS))
async def test_damage_of_a_pack_is_found(
    lake: Lake, whole: tuple[Path, Contents], how: str
) -> None:
    contents = whole[1]
    PACKS[how](lake)

    report, found = await look(lake, contents)

    assert report.faults, "verify found nothing"
    for ref, path in contents:
        is_named = concerns(report, ref, path)
        assert ((ref, path) in found) != is_named, f"{ref}/{path.decode()}"


@pytest.mark.parametrize(("table", "how"), ROW_CASES)
async def test_damage_of_a_row_is_found(lake: Lake, table: str, how: str) -> None:
    ROWS[table][how](lake)

    async with open_engine(lake.directory) as engine:
        report = await verify(engine)

    assert report.faults, "verify found nothing"


@pytest.mark.parametrize("page", [2, 3, 5, 8, 13, 21])
async def test_a_page_of_the_database_that_is_noise_is_found(
    lake: Lake, page: int
) -> None:
    """By the check of the database itself, or because it cannot even be opened."""
    path = lake.directory / "lakebed.db"
    lake.run("UPDATE setting SET value = value")  # folds the log into the file
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[16:18], "big")
    assert len(data) > page * size
    data[(page - 1) * size : page * size] = bytes(range(256)) * (size // 256)
    path.write_bytes(data)

    said = ""
    try:
        async with open_engine(lake.directory) as engine:
            report = await verify(engine)
            said = str(report.faults or "")
    except LakeError as error:
        said = str(error)

    assert "database" in said


def test_every_kind_of_frame_is_damaged_here() -> None:
    assert {kind for kind, _ in FRAMES.values()} | KINDS_NOT_STORED.keys() == set(Kind)


async def test_every_table_is_damaged_here_or_said_to_name_nothing(
    whole: tuple[Path, Contents],
) -> None:
    async with open_engine(whole[0]) as engine:
        tables = await engine.metadata.snapshot(lambda snapshot: snapshot.list_tables())

    assert ROWS.keys() | TABLES_WITHOUT.keys() == set(tables)
    assert not ROWS.keys() & TABLES_WITHOUT.keys()


async def test_without_the_hash_check_wrong_bytes_are_served(
    lake: Lake, whole: tuple[Path, Contents], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: with the safeguard off, the tests above turn red."""
    frame = FRAMES["chunk"][1](lake)
    WAYS["flip"](lake, frame)

    def believe(kind: Kind, data: bytes) -> bytes:
        return frame.id if data[:99] == NOISE[:99] else real(kind, data)

    def check_nothing(header: FrameHeader, payload: bytes) -> None:
        del header, payload

    real = hash_stored
    monkeypatch.setattr(reader, "hash_stored", believe)
    monkeypatch.setattr(checking, "hash_stored", believe)
    monkeypatch.setattr(checking, "check_payload", check_nothing)

    async with open_engine(lake.directory) as engine:
        report = await verify(engine)
        found = await read_watched(engine, whole[1])

    assert report.faults == [], "the check is not off: the control controls nothing"
    with pytest.raises(AssertionError, match="was served wrong"):
        check_reads(found, whole[1])

"""What a death leaves behind is cleared up by the next start, without anybody's help (P2)."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from lakebed.server.chunks.pack import FOOTER_MAGIC, encode_pack_header
from lakebed.server.metadata.database import READER_CACHE_KIB, Session
from lakebed.server.metadata.rebuilding import rebuild_index
from lakebed.server.repository.verifying.report import Report
from lakebed.server.repository.verifying.run import verify
from lakebed.server.repository.verifying.store import PackRow
from lakebed.server.storage.local import LocalPackStorage
from lakebed.server.storage.store import new_pack_name

from support.engines import open_engine
from support.s3server import run_server

BODY = os.urandom(300_000)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose server was killed behind two acknowledged writes, one committed."""
    directory = tmp_path_factory.mktemp("killed") / "lake"
    with run_server(directory) as server:
        server.create_repository("repo")
        assert server.send("PUT", "/repo/main/committed", body=BODY).status == 200
        server.commit("repo")
        assert server.send("PUT", "/repo/main/staged", body=BODY[::-1]).status == 200
        server.kill()
    return directory


@pytest.fixture
def lake(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "lake"))


def open_pack(lake: Path) -> Path:
    """Return the pack that the dead server was writing."""
    session = Session(lake / "lakebed.db", cache_kib=READER_CACHE_KIB)
    row = session.row("SELECT name FROM pack WHERE state = 'writing'")
    session.close()
    assert row is not None, "nothing was left open: the test tests nothing"
    name = str(row[0])
    return lake / "packs" / name[:2] / f"{name}.pack"


def nothing(lake: Path) -> None:
    """The pack has no footer: its writer wrote none."""
    assert FOOTER_MAGIC not in open_pack(lake).read_bytes()


def tear_frame(lake: Path) -> None:
    with open_pack(lake).open("ab") as file:
        file.write(b"LBFR" + bytes(30))


def tear_footer(lake: Path) -> None:
    with open_pack(lake).open("ab") as file:
        file.write(FOOTER_MAGIC + b"\x01")


def add_noise(lake: Path) -> None:
    with open_pack(lake).open("ab") as file:
        file.write(os.urandom(5000))


def reserve_and_die(*, with_file: bytes | None) -> Callable[[Path], None]:
    def leave(lake: Path) -> None:
        name = new_pack_name()
        session = Session(
            lake / "lakebed.db", cache_kib=READER_CACHE_KIB, may_write=True
        )
        session.run("INSERT INTO pack VALUES (NULL, ?, 'writing', 0, 0)", (name,))
        session.close()
        if with_file is not None:
            path = lake / "packs" / name[:2] / f"{name}.pack"
            path.parent.mkdir(exist_ok=True)
            head = encode_pack_header(name)
            path.write_bytes(head[: len(with_file)] if with_file else b"")

    return leave


def leave_locks(lake: Path) -> None:
    """Lock files are there as ever, with whatever in them: what counts is who holds."""
    for name in ("lock", "init.lock", "write.lock", "checkpoint.lock"):
        (lake / name).write_text("4711\n")


def leave_drafts(lake: Path) -> None:
    (lake / "lakebed.db.new-0123456789abcdef").write_bytes(b"half a database")


def lose_reserve(lake: Path) -> None:
    (lake / "reserve").unlink()


REMAINS: dict[str, Callable[[Path], None]] = {
    "no footer": nothing,
    "a torn frame": tear_frame,
    "a torn footer": tear_footer,
    "noise": add_noise,
    "a pack without a file": reserve_and_die(with_file=None),
    "an empty pack": reserve_and_die(with_file=b""),
    "half a pack header": reserve_and_die(with_file=b"x" * 16),
    "locks": leave_locks,
    "drafts": leave_drafts,
    "no reserve": lose_reserve,
}


async def look(lake: Path) -> tuple[Report, list[PackRow]]:
    async with open_engine(lake) as engine:
        states = await engine.metadata.snapshot(lambda tables: tables.list_pack_rows())
        return await verify(engine), states


@pytest.mark.parametrize("what", list(REMAINS))
def test_the_next_start_clears_up(lake: Path, what: str) -> None:
    pack = open_pack(lake).stem
    REMAINS[what](lake)

    with run_server(lake) as server:
        for name, body in (("committed", BODY), ("staged", BODY[::-1])):
            got = server.send("GET", f"/repo/main/{name}")
            assert (got.status, got.body) == (200, body)
        assert server.send("PUT", "/repo/main/after", body=b"x").status == 200
        assert server.stop() == 0
        assert server.stderr is not None
        said = server.stderr.read()

    assert "recovered a pack whose writer died" in said
    assert pack in said
    assert not list(lake.glob("lakebed.db.new-*"))
    report, states = asyncio.run(look(lake))
    assert report.faults == []
    assert {row.state for row in states if row.chunk_count} == {"sealed"}
    is_torn = what in ("a torn frame", "a torn footer", "noise")
    assert any(pack in note for note in report.notes) == is_torn


def test_an_index_can_be_made_anew_behind_a_torn_end(lake: Path) -> None:
    tear_frame(lake)
    storage = LocalPackStorage(lake)

    rebuilt = rebuild_index(lake, storage, clock=lambda: 0)

    assert rebuilt.added == rebuilt.lost == 0
    assert rebuilt.chunks == rebuilt.chunks_before > 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "disk"
    where.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(where)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("cannot mount a small disk: needs root")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def test_a_server_starts_on_a_disk_that_is_full(small_disk: Path) -> None:
    """It serves what there is, takes deletes, and says why it takes nothing else."""
    lake = small_disk / "lake"
    with run_server(lake) as server:
        server.create_repository("repo")
        assert server.send("PUT", "/repo/main/one", body=BODY).status == 200
        server.kill()
    ballast = small_disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass

    with run_server(lake) as server:
        got = server.send("GET", "/repo/main/one")
        assert (got.status, got.body) == (200, BODY)
        refused = server.send("PUT", "/repo/main/two", body=BODY[::-1])
        assert refused.status == 507
        assert b"InsufficientStorage" in refused.body
        assert server.send("DELETE", "/repo/main/one").status == 204
        ballast.unlink()
        answers = (
            server.send("PUT", "/repo/main/two", body=BODY[::-1]).status
            for _ in range(400)
        )
        assert next((status for status in answers if status == 200), None) == 200
        assert server.stop() == 0

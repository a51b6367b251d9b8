"""`lakebed admin verify` and `rebuild-index` on a directory: what they say and exit with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lakebed.cli.main import run
from lakebed.server.ids import Kind, hash_chunk
from lakebed.server.metadata.database import READER_CACHE_KIB, Session

from support.injuries import Lake, flip
from support.s3server import run_server

BODY = b"the bytes of it " * 300
OTHER = b"some others " * 300

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def lakebed(
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """Run a command line on a directory; return exit code, stdout and stderr."""
    monkeypatch.setenv("LAKEBED_SERVER", str(tmp_path / "lake"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))

    def call(*arguments: str) -> tuple[int, str, str]:
        capfdbinary.readouterr()
        code = run(list(arguments))
        said = capfdbinary.readouterr()
        return code, said.out.decode(), said.err.decode()

    return call


@pytest.fixture
def lake(lakebed: Run, tmp_path: Path) -> Path:
    lakebed("repo", "create", "repo")
    for name, body in (("a", BODY), ("b", OTHER)):
        (tmp_path / name).write_bytes(body)
        lakebed("cp", str(tmp_path / name), f"lakebed://repo/main/{name}")
        assert lakebed("commit", "repo/main", "-m", f"add {name}")[0] == 0
    return tmp_path / "lake"


def run_sql(lake: Path, sql: str) -> None:
    session = Session(lake / "lakebed.db", cache_kib=READER_CACHE_KIB, may_write=True)
    assert session.run(sql)
    session.close()


def read_json(lakebed: Run, *arguments: str) -> tuple[int, Any]:
    code, out, _ = lakebed(*arguments, "--json")
    return code, json.loads(out)


def test_a_sound_lake_is_said_to_be(lakebed: Run, lake: Path) -> None:
    code, out, err = lakebed("admin", "verify", str(lake))

    assert code == 0
    assert out.splitlines()[-1] == "nothing is wrong"
    assert "2 chunks" in out
    assert err == ""


def test_damage_is_told_with_what_it_concerns(lakebed: Run, lake: Path) -> None:
    found = Lake(lake)
    chunk = next(f for f in found.frames(Kind.CHUNK) if f.id == hash_chunk(BODY))
    flip(found, chunk)

    code, out, err = lakebed("admin", "verify")

    assert code == 6
    place = f"at {chunk.location.offset} of pack {chunk.location.pack}"
    assert f"fault: chunk {chunk.id.hex()} {place}" in out
    assert "  concerns repo/main/a\n" in out
    assert "repo/main/b" not in out
    assert "1 marked as damaged" in out
    assert "1 fault" in err
    assert "docs/recovery.md" in err


def test_a_dry_run_marks_nothing(lakebed: Run, lake: Path) -> None:
    found = Lake(lake)
    flip(found, next(f for f in found.frames(Kind.CHUNK) if f.id == hash_chunk(BODY)))

    for options, marked in ((["--dry-run"], 0), ([], 1), ([], 0)):
        code, report = read_json(lakebed, "admin", "verify", *options)
        assert (code, report["quarantined"]) == (6, marked)


def test_a_sample_can_be_taken_again(lakebed: Run, lake: Path) -> None:
    _, report = read_json(lakebed, "admin", "verify", "--sample", "1%")
    seed = report["seed"]
    again = read_json(lakebed, "admin", "verify", "--sample", "1%", "--seed", str(seed))
    some = read_json(lakebed, "admin", "verify", "--sample", "3")[1]

    assert report["packs"] == 1 < report["packs_total"]
    assert again[1]["pack_bytes"] == report["pack_bytes"]
    assert some["packs"] == 3


@pytest.mark.parametrize("sample", ["0", "0%", "101%", "some", "-1", "1.5"])
def test_a_sample_that_is_none_is_refused(lakebed: Run, sample: str) -> None:
    assert lakebed("admin", "verify", ".", f"--sample={sample}")[0] == 2


@pytest.mark.parametrize("command", ["verify", "rebuild-index"])
def test_a_directory_without_a_lake_is_named_and_stays_as_it_is(
    lakebed: Run, tmp_path: Path, command: str
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()

    code, out, err = lakebed("admin", command, str(empty))

    assert (code, out) == (5, "")
    assert str(empty) in err
    assert list(empty.iterdir()) == []


@pytest.mark.parametrize("command", ["verify", "rebuild-index"])
def test_a_server_at_an_address_is_told_where_to_run_it(
    lakebed: Run, command: str
) -> None:
    code, _, err = lakebed("admin", command, "--server", "http://127.0.0.1:9")

    assert code == 1
    assert "on the machine of the server" in err


def test_beside_a_server_verify_runs_and_a_rebuild_is_refused(
    lakebed: Run, tmp_path: Path
) -> None:
    lake = tmp_path / "served"
    with run_server(lake) as server:
        server.create_repository("repo")
        assert server.send("PUT", "/repo/main/a", body=BODY).status == 200

        assert lakebed("admin", "verify", str(lake))[0] == 0
        code, _, err = lakebed("admin", "rebuild-index", str(lake))

        assert code == 5
        assert "another process has it open: stop it first" in err
        assert server.send("GET", "/repo/main/a").body == BODY


def test_an_index_that_is_lost_is_made_anew(lakebed: Run, lake: Path) -> None:
    run_sql(lake, "DELETE FROM chunk")
    assert lakebed("cat", "repo/main/a")[0] != 0

    code, out, _ = lakebed("admin", "rebuild-index")

    assert code == 0
    assert "0 before" in out
    assert lakebed("cat", "repo/main/a")[1].encode() == BODY
    assert lakebed("admin", "verify")[0] == 0


def test_a_database_that_is_lost_leaves_its_commits(lakebed: Run, lake: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        (lake / f"lakebed.db{suffix}").unlink(missing_ok=True)

    code, report = read_json(lakebed, "admin", "rebuild-index")

    assert (code, report["is_new_database"], report["lost_commits"]) == (0, True, 3)
    assert [head["message"] for head in report["lost_heads"]] == ["add b"]
    assert lakebed("admin", "rebuild-index", "--recover", "back")[0] == 0
    assert lakebed("cat", "back/main/a")[1].encode() == BODY
    assert lakebed("cat", "back/main~1/a")[1].encode() == BODY
    assert len(lakebed("log", "back/main", "--oneline")[1].splitlines()) == 3
    assert lakebed("admin", "verify")[0] == 0
    # Nothing is lost any more, so nothing is found.
    assert read_json(lakebed, "admin", "rebuild-index")[1]["lost_commits"] == 0


def test_a_pack_that_is_gone_costs_what_lay_in_it(lakebed: Run, lake: Path) -> None:
    found = Lake(lake)
    chunk = next(f for f in found.frames(Kind.CHUNK) if f.id == hash_chunk(BODY))
    found.path_of(chunk.location.pack).unlink()

    code, report = read_json(lakebed, "admin", "rebuild-index")

    assert (code, report["packs_lost"]) == (6, 1)
    assert report["lost"] == len(found.packs[chunk.location.pack])
    assert lakebed("cat", "repo/main/b")[1].encode() == OTHER

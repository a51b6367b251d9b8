"""A directory is ours, of our version, and initialised once, or it is refused."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed.server.errors import StartupError
from lakebed.server.history.commit import make_commit
from lakebed.server.history.step import CommitStep
from lakebed.server.ids import CommitId, ContentId, NodeId
from lakebed.server.metadata.database import READER_CACHE_KIB, Session
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.metadata.migrations import bring_up_to_date
from lakebed.server.metadata.schema import (
    APPLICATION_ID,
    SCHEMA_VERSION,
    create_database,
)
from lakebed.server.storage.local import LocalPackStorage

from support.databases import lake_directory, make_repository, open_metadata
from support.processes import initialise

GOLDEN = Path(__file__).parents[3] / "golden"


@pytest.fixture
def directory() -> Iterator[Path]:
    with lake_directory() as path:
        yield path


def refusal(path: Path) -> str:
    """Return why `path` is refused, in one line that names it."""
    with pytest.raises(StartupError) as caught:
        SqlMetadata.open(path, LocalPackStorage(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def set_version(path: Path, version: int) -> None:
    session = Session(path / "lakebed.db", cache_kib=READER_CACHE_KIB, may_write=True)
    session.run(f"PRAGMA user_version = {version}")
    session.close()


async def test_a_new_directory_is_made_private(directory: Path) -> None:
    path = directory / "a" / "b"

    with open_metadata(path):
        pass

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    for name in ["lakebed.db", "lock", "write.lock", "reserve"]:
        assert stat.S_IMODE((path / name).stat().st_mode) == 0o600


async def test_what_was_written_is_there_when_it_is_opened_again(
    directory: Path,
) -> None:
    with open_metadata(directory) as metadata:
        made = await make_repository(metadata)
        instance_id = metadata.instance_id

    with open_metadata(directory) as metadata:
        assert await metadata.find_repository("lake") == made
        assert metadata.instance_id == instance_id


def test_a_directory_of_something_else_is_refused_untouched(directory: Path) -> None:
    (directory / "thesis.tex").write_text("x")

    assert "'thesis.tex'" in refusal(directory)
    assert [entry.name for entry in directory.iterdir()] == ["thesis.tex"]


def test_packs_without_a_database_are_refused(directory: Path) -> None:
    (directory / "packs" / "ab").mkdir(parents=True)

    assert "backup" in refusal(directory)


def test_a_lake_that_lost_its_database_is_not_begun_anew(directory: Path) -> None:
    """Its secrets could never be opened again."""
    (directory / "master.key").touch()

    assert "backup" in refusal(directory)


async def test_an_existing_database_is_never_replaced(directory: Path) -> None:
    with open_metadata(directory) as metadata:
        instance_id = metadata.instance_id

        create_database(directory / "lakebed.db", created_by="test", reserved=[])

    with open_metadata(directory) as metadata:
        assert metadata.instance_id == instance_id


def test_a_new_database_is_that_of_version_3(directory: Path) -> None:
    """A failure here means that existing lakes need a migration: write one."""
    with open_metadata(directory):
        pass

    assert read_schema(directory) == (GOLDEN / "database-v3.sql").read_text()


def read_schema(directory: Path) -> str:
    connection = sqlite3.connect(directory / "lakebed.db")
    rows = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL "
        "AND name NOT LIKE 'sqlite%' ORDER BY name"
    ).fetchall()
    connection.close()
    return "".join(f"{sql};\n" for (sql,) in rows)


def test_a_file_is_refused(directory: Path) -> None:
    path = directory / "file"
    path.write_text("x")

    assert "it is a file" in refusal(path)


def test_another_programs_database_is_refused_unchanged(directory: Path) -> None:
    path = directory / "lakebed.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()

    assert "not a lakebed database" in refusal(directory)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"SQLite format 3\0" + b"\xff" * 9000]
)
def test_a_file_that_is_no_database_is_refused(directory: Path, content: bytes) -> None:
    (directory / "lakebed.db").write_bytes(content)

    refusal(directory)


def test_a_newer_version_is_refused(directory: Path) -> None:
    with open_metadata(directory):
        pass
    set_version(directory, SCHEMA_VERSION + 1)

    assert "upgrade lakebed" in refusal(directory)


def test_an_initialisation_that_was_cut_short_is_done_again(directory: Path) -> None:
    (directory / "init.lock").touch()
    (directory / "lakebed.db.new-0123").write_bytes(b"half")

    with open_metadata(directory):
        pass

    assert not list(directory.glob("*.new-*"))


def test_an_old_version_is_migrated_step_by_step(directory: Path) -> None:
    with open_metadata(directory):
        pass
    path, now = directory / "lakebed.db", SCHEMA_VERSION
    taken: list[str] = []

    bring_up_to_date(
        path,
        lambda: taken.append("alone"),
        steps={
            now: lambda session: _add(session, "CREATE TABLE later (x)"),
            now + 1: lambda session: _add(session, "INSERT INTO later VALUES (7)"),
        },
        target=now + 2,
    )

    session = Session(path, cache_kib=READER_CACHE_KIB)
    assert session.rows("SELECT x FROM later") == [(7,)]
    assert session.row("PRAGMA user_version") == (now + 2,)
    session.close()
    assert taken == ["alone"]


def test_a_step_that_fails_leaves_the_old_version_whole(directory: Path) -> None:
    with open_metadata(directory):
        pass
    path, now = directory / "lakebed.db", SCHEMA_VERSION

    def fail(session: Session) -> None:
        _add(session, "CREATE TABLE later (x)")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bring_up_to_date(path, lambda: None, steps={now: fail}, target=now + 1)

    session = Session(path, cache_kib=READER_CACHE_KIB)
    assert session.row("PRAGMA user_version") == (now,)
    assert session.rows("SELECT 1 FROM sqlite_schema WHERE name = 'later'") == []
    session.close()


def write_version_1(directory: Path, commit_id: CommitId, record: bytes) -> None:
    """Leave a database of version 1 with one commit."""
    directory.mkdir(mode=0o700, exist_ok=True)
    connection = sqlite3.connect(directory / "lakebed.db")
    connection.executescript((GOLDEN / "database-v1.sql").read_text())
    connection.executescript(
        f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;"
        "PRAGMA journal_mode = WAL;"
        "INSERT INTO setting VALUES ('instance_id', 'old'), ('created_by', '0.1.0'),"
        "('reserved_repositories', 'models');"
    )
    connection.execute(
        "INSERT INTO commit_record VALUES (3, ?, ?, 0)", (commit_id, record)
    )
    connection.commit()
    connection.close()


async def test_a_database_of_version_1_becomes_one_of_version_3(
    directory: Path,
) -> None:
    commit, record = make_commit(
        tree_id=NodeId(bytes(32)),
        content_id=ContentId(bytes(32)),
        parents=(),
        committer="ann",
        message="old",
        created_ms=5,
        metadata={},
    )
    write_version_1(directory, commit.id, record)

    with open_metadata(directory) as metadata:
        assert metadata.instance_id == "old"
        # Walks find it, and know nothing of what it changed.
        assert await metadata.scan_steps(3, generation=9, after=None, limit=9) == [
            CommitStep(commit.id, 0, b"", 5, None)
        ]

    assert read_schema(directory) == (GOLDEN / "database-v3.sql").read_text()


def test_a_database_of_version_2_becomes_one_of_version_3(directory: Path) -> None:
    with open_metadata(directory):
        pass
    connection = sqlite3.connect(directory / "lakebed.db")
    for (table,) in connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    ).fetchall():
        connection.execute(f"DROP TABLE {table}")
    connection.executescript((GOLDEN / "database-v2.sql").read_text())
    connection.execute("INSERT INTO setting VALUES ('instance_id', 'old')")
    connection.execute("PRAGMA user_version = 2")
    connection.commit()
    connection.close()

    with open_metadata(directory) as metadata:
        assert metadata.instance_id == "old"

    assert read_schema(directory) == (GOLDEN / "database-v3.sql").read_text()


def test_a_directory_in_use_is_not_migrated(directory: Path) -> None:
    with open_metadata(directory):
        set_version(directory, SCHEMA_VERSION - 1)

        assert "another process has it open" in refusal(directory)


def test_processes_that_start_at_once_initialise_once(directory: Path) -> None:
    """On a directory that does not exist yet, so that they race from the first step."""
    path = directory / "new"
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    answers = context.Queue()
    starters = [
        context.Process(target=initialise, args=(str(path), barrier, answers))
        for _ in range(4)
    ]

    for starter in starters:
        starter.start()
    instances = {answers.get(timeout=60) for _ in starters}
    for starter in starters:
        starter.join(60)

    assert [starter.exitcode for starter in starters] == [0] * 4
    assert len(instances) == 1


def _add(session: Session, sql: str) -> None:
    session.run(sql)

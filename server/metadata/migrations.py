"""Brings a database of an older version up to date, and refuses what is not ours.

`STEPS[n]` leads from version n to n + 1. A step runs through apsw, in one transaction
with the new version number, while `DIR/lock` is held alone: a stop in between leaves the
old version, whole. Steps are never edited once released.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import apsw

from ..errors import CorruptDataError, LakeError, StartupError
from ..history.commit import decode_commit
from ..history.step import step_of
from .database import WRITER_CACHE_KIB, Session
from .refs import record_step
from .run_tables import ADDED_IN_3
from .schema import (
    ADDED_IN_2,
    APPLICATION_ID,
    DAMAGE_ADDED_IN_3,
    SCHEMA_VERSION,
)

Step = Callable[[Session], None]


COMMITS_AT_ONCE = 1000
"""Records read together: a megabyte."""


def _add_what_came_with_2(session: Session) -> None:
    session.run(ADDED_IN_2)
    _add_steps(session)


def _add_steps(session: Session) -> None:
    """Make a step of each commit: it may have changed any path."""
    repository_id, commit_id = 0, b""
    while rows := session.rows(
        "SELECT repository_id, id, record FROM commit_record "
        "WHERE (repository_id, id) > (?, ?) ORDER BY repository_id, id LIMIT ?",
        (repository_id, commit_id, COMMITS_AT_ONCE),
    ):
        for repository_id, commit_id, record in rows:  # noqa: B007 - where to go on
            record_step(session, repository_id, step_of(decode_commit(record), None))


def _add_what_came_with_3(session: Session) -> None:
    session.run(ADDED_IN_3)
    session.run(DAMAGE_ADDED_IN_3)


STEPS: Mapping[int, Step] = {1: _add_what_came_with_2, 2: _add_what_came_with_3}


def bring_up_to_date(
    path: Path,
    take_alone: Callable[[], None],
    *,
    steps: Mapping[int, Step] = STEPS,
    target: int = SCHEMA_VERSION,
) -> None:
    """Check that the database `path` is ours and migrate it to version `target`.

    Args:
        path: the database.
        take_alone: takes the exclusive lock of the directory, or raises.
        steps: by the version they start from; tests give their own.
        target: the version that this program reads and writes.

    Raises:
        StartupError: it is another program's, damaged, or of a newer version.
    """
    try:
        session = Session(path, cache_kib=WRITER_CACHE_KIB, may_write=True)
    except LakeError as error:
        raise _unusable(path, error) from error
    try:
        version = _read_version(session, path)
        if version > target:
            raise StartupError(
                f"cannot open '{path}': it has version {version}, and this lakebed "
                f"reads up to version {target}: upgrade lakebed"
            )
        if version < target:
            take_alone()
            for number in range(version, target):
                _run_step(session, path, number, steps)
    finally:
        session.close()


def _read_version(session: Session, path: Path) -> int:
    try:
        application = session.row("PRAGMA application_id")
        version = session.row("PRAGMA user_version")
    except LakeError as error:
        raise _unusable(path, error) from error
    if application is None or application[0] != APPLICATION_ID or version is None:
        raise StartupError(
            f"cannot open '{path}': it is not a lakebed database: "
            "name a new or empty directory"
        )
    return int(version[0])


def _run_step(
    session: Session, path: Path, number: int, steps: Mapping[int, Step]
) -> None:
    step = steps.get(number)
    if step is None:
        raise StartupError(
            f"cannot open '{path}': it has version {number}, which this lakebed no "
            "longer reads: upgrade with an older lakebed first"
        )
    session.run("BEGIN IMMEDIATE")
    try:
        step(session)
        session.run(f"PRAGMA user_version = {number + 1}")
        session.run("COMMIT")
    except BaseException:
        session.roll_back()
        raise


def _unusable(path: Path, error: LakeError) -> StartupError:
    if isinstance(error, CorruptDataError) and isinstance(
        error.__cause__, apsw.NotADBError
    ):
        return StartupError(
            f"cannot open '{path}': it is not a lakebed database: "
            "name a new or empty directory"
        )
    return StartupError(str(error))

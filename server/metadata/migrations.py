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
from .database import WRITER_CACHE_KIB, Session
from .schema import ADDED_IN_2, APPLICATION_ID, SCHEMA_VERSION

Step = Callable[[Session], None]


def _add_rights_and_uploads(session: Session) -> None:
    session.run(ADDED_IN_2)


STEPS: Mapping[int, Step] = {1: _add_rights_and_uploads}


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

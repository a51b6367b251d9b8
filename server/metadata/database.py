"""Connections to the database, and what SQLite's failures mean.

`Session` is one connection with the few ways in which we use it; every statement goes
through it, so that every failure becomes a deliberate error and no cursor stays open: a
statement that is not stepped to its end keeps its read transaction, and the next read on
that connection would see an old state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import apsw

from ..errors import (
    BusyError,
    CorruptDataError,
    DurabilityLostError,
    LakeError,
    StorageFailedError,
    StorageFullError,
)

Row = tuple[Any, ...]
"""A row as SQLite gives it; the statement beside it says what is in it."""

BUSY_TIMEOUT_MS = 10_000
"""How long a statement waits for a lock. Writers queue on `write.lock`, so that only a
checkpoint that waits for readers, or a stranger with a SQLite shell, is ever met here.
Half would fail writes behind a slow checkpoint; double keeps clients waiting for nothing."""

WRITER_CACHE_KIB = 16 * 1024
"""Page cache of the writer: the inner pages of an index of 10^7 chunks. A worker's
ceiling is 256 MiB for everything."""

_STATEMENTS_MAX = 256
"""Statements kept prepared: two inserts of up to 64 rows, and all others. Some 20 KiB for
the largest; a connection prepares only what it runs."""

READER_CACHE_KIB = 4 * 1024
"""Page cache of a reader; the kernel's page cache lies behind it. There is no mmap: the
pages of a large scan would count as the worker's memory."""

_FSYNC_FAILED = frozenset(
    {
        apsw.SQLITE_IOERR_FSYNC,
        apsw.SQLITE_IOERR_DIR_FSYNC,
    }
)


def blob_array(blobs: tuple[bytes, ...]) -> object:
    """Return `blobs`, at least one, as a value for `IN carray(?)`."""
    return _carray(blobs)


_untyped: Any = apsw  # the stub of `carray` names a Buffer that Python 3.11 has not
_carray = _untyped.carray


class RowInsert:
    """An INSERT of any number of rows in few steps.

    The library gives up the interpreter lock for each step of a statement, and gets it
    back only when the event loop lets go of it: so the rows of a group are one statement.
    """

    rows_max = 64
    """Rows of a statement. Each number of rows has a statement of its own, all of which
    stay prepared (`_STATEMENTS_MAX`); what is larger than this gains little."""

    def __init__(self, head: str, columns: int, tail: str = "") -> None:
        """Put together `head VALUES ... tail`, for rows of so many `columns`."""
        row = f"({', '.join('?' * columns)})"
        self._sql = [
            f"{head} VALUES {', '.join([row] * count)} {tail}"
            for count in range(1, self.rows_max + 1)
        ]

    def sql(self, count: int) -> str:
        """Return the statement that inserts `count` rows."""
        return self._sql[count - 1]


class Session:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path, *, cache_kib: int, may_write: bool = False) -> None:
        """Open the existing database `path`.

        Raises:
            LakeError: it cannot be opened; the message says why.
        """
        self._path = path
        self._may_write = may_write
        self.failed: LakeError | None = None
        """Set when a write transaction was lost: nothing runs until it is cleared."""
        try:
            self.connection = apsw.Connection(
                str(path),
                flags=apsw.SQLITE_OPEN_READWRITE,
                statementcachesize=_STATEMENTS_MAX,
            )
            self._cursor: Any = self.connection.cursor()
            self.connection.set_busy_timeout(BUSY_TIMEOUT_MS)
            # Without it SQLite may plan by the values bound, and so prepares every
            # statement again for each of them: five times the cost of a point read.
            self.connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            self._cursor.execute(
                f"PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                f"PRAGMA wal_autocheckpoint = 0; PRAGMA temp_store = MEMORY;"
                f"PRAGMA cache_size = -{cache_kib}; PRAGMA mmap_size = 0;"
                f"PRAGMA query_only = {'OFF' if may_write else 'ON'}"
            ).fetchall()
        except apsw.Error as error:
            raise self.translate(error) from error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """Return all rows of one statement."""
        if self.failed is not None:
            raise self.failed
        try:
            found: list[Row] = self._cursor.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise self._failure(error) from error
        except UnicodeDecodeError as error:
            raise self._not_text(error) from error
        return found

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """Return the only row of one statement, or None."""
        if self.failed is not None:
            raise self.failed
        try:
            found: list[Row] = self._cursor.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise self._failure(error) from error
        except UnicodeDecodeError as error:
            raise self._not_text(error) from error
        return found[0] if found else None

    def run(self, sql: str, values: Sequence[Any] = ()) -> int:
        """Run one statement; return how many rows it changed."""
        if self.failed is not None:
            raise self.failed
        try:
            self._cursor.execute(sql, values).fetchall()
        except apsw.Error as error:
            raise self._failure(error) from error
        return self.connection.changes()

    def run_many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        """Run one statement that returns nothing once for each of `values`."""
        if self.failed is not None:
            raise self.failed
        try:
            self._cursor.executemany(sql, values)
        except apsw.Error as error:
            raise self._failure(error) from error

    def insert(self, statement: RowInsert, rows: Sequence[Row]) -> None:
        """Insert `rows`, in order."""
        for at in range(0, len(rows), statement.rows_max):
            some = rows[at : at + statement.rows_max]
            self.run(statement.sql(len(some)), tuple(chain.from_iterable(some)))

    @property
    def last_row_id(self) -> int:
        """The id that the last INSERT gave."""
        return self.connection.last_insert_rowid()

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self.connection.in_transaction

    def roll_back(self) -> None:
        """End the open transaction, if there is one, without its effects."""
        self.failed = None
        if self.connection.in_transaction:
            self.run("ROLLBACK")
            self.failed = None

    def close(self) -> None:
        """Close the connection; calling it again does nothing."""
        try:
            self.connection.close()
        except apsw.Error as error:
            raise self.translate(error) from error

    def translate(self, error: apsw.Error) -> LakeError:
        """Return the deliberate error that `error` means."""
        code = getattr(error, "extendedresult", 0)
        where = f"the database '{self._path}'"
        match error:
            case apsw.FullError():
                return StorageFullError(
                    f"cannot write to {where}: the disk is full: free some space, or "
                    "delete objects"
                )
            case apsw.IOError() if code in _FSYNC_FAILED:
                return DurabilityLostError(
                    f"cannot sync {where}: check the disk, then start the server again"
                )
            case apsw.CorruptError() | apsw.NotADBError():
                return CorruptDataError(
                    f"cannot read {where}: it is damaged ({error}): restore a backup"
                )
            case apsw.BusyError() | apsw.LockedError():
                return BusyError(f"{where} is locked by another process: try again")
            case _:
                return StorageFailedError(f"cannot use {where}: {error}")

    def _not_text(self, error: UnicodeDecodeError) -> CorruptDataError:
        """Return what a text that is no text means: we never wrote it."""
        failure = CorruptDataError(
            f"cannot read the database '{self._path}': it is damaged: a text in it is "
            f"not UTF-8 ({error.reason}): restore a backup"
        )
        if self._may_write:
            self.failed = failure
        return failure

    def _failure(self, error: apsw.Error) -> LakeError:
        """Translate the failure of a statement.

        The engine may have ended the transaction by itself; another statement would
        then run, and commit, alone. `failed` prevents that.
        """
        translated = self.translate(error)
        if self._may_write:
            self.failed = translated
        return translated

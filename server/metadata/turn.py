"""`TurnSession`: all reads of one turn of an event loop are one read transaction.

To begin and to end a transaction takes four times what a point read takes, and most
requests read two or three rows. So the first read of a turn begins one, and it ends as
soon as what was ready to run by then has run.

Every read still sees all that its task can know of. What runs before the end was made
ready before the beginning: callbacks run in the order in which they were made ready, the
end is one of them, and what other threads and sockets bring is queued behind it. So
whatever a task was told, of a write of its own or by a client, was committed by then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

import apsw

from .database import Row, Session

_log = logging.getLogger(__name__)


class TurnSession(Session):
    """A session for reading, on the thread of an event loop; without one it is plain."""

    _is_begun = False
    _is_closed = False

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Row]:
        """See `Session.rows`."""
        if not self._is_begun:
            self._begin()
        return super().rows(sql, values)

    def row(self, sql: str, values: Sequence[Any] = ()) -> Row | None:
        """See `Session.row`."""
        if not self._is_begun:
            self._begin()
        return super().row(sql, values)

    def close(self) -> None:
        """See `Session.close`."""
        self._is_closed = True
        super().close()

    def _begin(self) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._cursor.execute("BEGIN")  # the state is that of the first read
        self._is_begun = True
        loop.call_soon(self._end)

    def _end(self) -> None:
        self._is_begun = False
        # SQLite ends a transaction by itself when a statement fails badly.
        if self._is_closed or not self.connection.in_transaction:
            return
        try:
            self._cursor.execute("COMMIT")
        except apsw.Error as error:
            _log.warning("cannot end a read: %s", self.translate(error))

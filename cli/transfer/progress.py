"""Show how far a long transfer is: on standard error, for people, after a second."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_S = 1.0
"""What is done within this needs no progress."""


class TransferProgress:
    """Bytes that went by, of how many, how fast, how long still.

    Silent where standard error is no terminal, and for what takes no time.
    """

    def __init__(self, what: str, *, total_bytes: int | None = None) -> None:
        self._what = what
        self._total = total_bytes
        self._done = 0
        self._began_at = time.monotonic()
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self.is_shown = sys.stderr.isatty()
        """Whether there is anybody who looks."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, size_bytes: int) -> None:
        """Count `size_bytes` more."""
        self._done += size_bytes
        if not self.is_shown:
            return
        if self._bar is None:
            if time.monotonic() - self._began_at < QUIET_S:
                return
            self._start()
        assert self._bar is not None
        assert self._task is not None
        self._bar.update(self._task, completed=self._done)

    def set_total(self, total_bytes: int) -> None:
        """Say how many bytes there are, once that is known."""
        self._total = total_bytes
        if self._bar is not None:
            assert self._task is not None
            self._bar.update(self._task, total=total_bytes)

    def _start(self) -> None:
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        from ..output import make_console

        self._bar = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=make_console(err=True),
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(
            self._what, total=self._total, completed=self._done
        )

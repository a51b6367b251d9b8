"""A server without one of its safeguards: what finds faults must find this one.

PYTHONPATH=tests python -m support.weakened SAFEGUARD DIR [OPTION ...]
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lakebed.server import __main__ as server
from lakebed.server.metadata.database import Session
from lakebed.server.metadata.metadata import SqlMetadata
from lakebed.server.repository import objects
from lakebed.server.storage import local
from lakebed.server.worker import Worker


def without_database_sync() -> None:
    """Let the database acknowledge what the operating system alone has."""
    original: Any = Session.__init__

    def weakened(self: Session, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.run("PRAGMA synchronous = NORMAL")

    Session.__init__ = weakened  # type: ignore[method-assign]


class _NoFileSync:
    """`os`, but for what makes the bytes of a file durable."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def fdatasync(self, fd: int) -> None:
        """Say that it is durable."""


def without_pack_sync() -> None:
    """Acknowledge objects whose bytes the operating system alone has."""
    without: Any = local
    without.os = _NoFileSync()


def without_folder_sync() -> None:
    """Acknowledge objects in packs whose names the operating system alone has."""

    def leave(folder: Path) -> None:
        del folder

    without: Any = local
    without._sync_folder = leave


def without_compare() -> None:
    """Write under a condition that was looked at before, and not when it is written."""

    async def is_still(*_: object) -> bool:
        return True

    without: Any = objects
    without.is_still = is_still


def without_waiting() -> None:
    """Acknowledge an upload before it is durable."""
    original: Any = SqlMetadata.stage_change
    chores: set[asyncio.Future[None]] = set()

    async def hasty(self: SqlMetadata, *arguments: Any, **options: Any) -> None:
        async def late() -> None:
            await asyncio.sleep(0.1)
            await original(self, *arguments, **options)

        chores.add(asyncio.ensure_future(late()))

    without: Any = SqlMetadata
    without.stage_change = hasty


def without_readiness() -> None:
    """Say to the end that work is accepted."""

    def always(self: Worker) -> None:
        del self

    Worker.why_not_ready = always  # type: ignore[method-assign]


def as_it_is() -> None:
    """Weaken nothing."""


SAFEGUARDS: dict[str, Callable[[], None]] = {
    "none": as_it_is,
    "database-sync": without_database_sync,
    "pack-sync": without_pack_sync,
    "folder-sync": without_folder_sync,
    "compare": without_compare,
    "waiting": without_waiting,
    "readiness": without_readiness,
}


if __name__ == "__main__":
    SAFEGUARDS[sys.argv[1]]()
    sys.exit(server.main(sys.argv[2:]))

"""Give the server one item of a spool, and say what its failure means."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Literal

from ..async_client import AsyncClient
from ..errors import (
    ClientError,
    InvalidRequestError,
    ServerError,
    ServerUnreachableError,
)
from ..wire.runs import Run, RunBatch
from .spool import SpooledFile, SpoolItem

Verdict = Literal["away", "refused", "gone"]
"""What a failure means: try again later; this item is not taken, others are; the run
takes nothing any more."""


async def send(
    lake: AsyncClient, repository: str, run: str, item: SpoolItem
) -> Run | None:
    """Send `item`; return the run if that ended it.

    Raises:
        ClientError: it was not taken; `judge` says what that means.
        OSError: bytes to keep cannot be read any more.
    """
    match item:
        case RunBatch():
            await lake.append_run(repository, run, item)
        case SpooledFile():
            try:
                content = await asyncio.to_thread(Path(item.path).read_bytes)
            except FileNotFoundError:
                return None  # it is removed when it was sent
            await lake.keep_run_file(repository, run, item.name, content)
            await asyncio.to_thread(Path(item.path).unlink, missing_ok=True)
        case _:
            return await lake.end_run(repository, run, item)
    return None


def judge(error: Exception) -> Verdict:
    """Return what it means that an item was not taken."""
    match error:
        case ServerUnreachableError() | ServerError() | TimeoutError():
            return "away"
        case InvalidRequestError() | OSError():
            return "refused"
        case ClientError():
            return "gone"
        case _:
            raise error

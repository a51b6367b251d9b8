"""Give the server one item of a spool, and say what its failure means."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..async_client import AsyncClient
from ..errors import (
    ClientError,
    InvalidRequestError,
    ServerError,
    ServerUnreachableError,
)
from ..wire.runs import InputWish, Missing, OutputWish, Run, RunBatch, RunEnd
from .pending import as_missing
from .pieces import Piece
from .reach import RunAddress
from .spool import SpooledFile, SpoolItem

Verdict = Literal["away", "refused", "gone", "broken"]
"""What a failure means: try again later; this item is not taken, others are; the run
takes nothing any more; the mistake is ours."""

REFUSALS_MAX = 1000
"""Of one batch. One bad point of 20,000 costs 15; where all are bad, nobody waits for all."""
NAMED_MAX = 20
"""Of what one batch lost, in the record: it says the same of the others."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of an item."""

    ended: Run | None = None
    """The run, if that ended it."""
    lost: tuple[Missing, ...] = ()
    """What of it the server refused; the record names it."""


async def deliver(
    lake: AsyncClient, repository: str, run: str, item: SpoolItem
) -> Delivered:
    """Send `item`; of a batch that is refused send what can be taken, and name the rest.

    Again is nothing: whoever does not hear the answer does it once more.

    Raises:
        ClientError: it was not taken; `judge` says what that means.
    """
    try:
        return Delivered(await _send(lake, repository, run, item))
    except Exception as error:
        if isinstance(item, RunEnd) or judge(error) != "refused":
            raise
        if isinstance(item, SpooledFile):
            lost = [as_missing(item.name, str(error))]
            await name_missing(lake, repository, run, lost)
            return Delivered(lost=tuple(lost))
        reason = str(error)
    lost = await _send_pieces(lake, repository, run, Piece.of(item), reason)
    await name_missing(lake, repository, run, lost)
    return Delivered(lost=tuple(lost))


async def name_missing(
    lake: AsyncClient, repository: str, run: str, lost: list[Missing]
) -> None:
    """Name `lost` in the record; twice is once.

    Raises:
        ClientError: the server is away, or the run has ended.
    """
    named = lost[:NAMED_MAX]
    if len(lost) > NAMED_MAX:
        left = len(lost) - NAMED_MAX
        named.append(as_missing("metrics", f"{left:,} others were refused like them"))
    batch = RunBatch(writer=secrets.token_hex(8), sequence=1, missing=named)
    try:
        await lake.append_run(repository, run, batch)
    except ClientError as error:
        # There is no room for more that is missing: it was told, and may be no reason
        # to stop.
        if judge(error) != "refused":
            raise


async def declare(
    lake: AsyncClient,
    address: RunAddress,
    *,
    inputs: Sequence[InputWish] = (),
    outputs: Sequence[OutputWish] = (),
) -> None:
    """Declare inputs and outputs at once: it does not wait for what is spooled.

    Raises:
        ClientError: they are refused, or the server is away.
    """
    batch = RunBatch(
        writer=secrets.token_hex(8),
        sequence=1,
        inputs=list(inputs),
        outputs=list(outputs),
    )
    await lake.append_run(address.repository, address.run, batch)


async def _send(
    lake: AsyncClient, repository: str, run: str, item: SpoolItem
) -> Run | None:
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


async def _send_pieces(
    lake: AsyncClient, repository: str, run: str, refused: Piece, reason: str
) -> list[Missing]:
    """Send what of `refused` can be taken, in order; return what cannot."""
    lost: list[Missing] = []
    waiting = refused.halves()[::-1]
    if not waiting:
        return [as_missing(refused.what, reason)]
    refusals = 0
    while waiting:
        piece = waiting.pop()
        try:
            await lake.append_run(repository, run, piece.as_batch())
        except ClientError as error:
            if judge(error) != "refused":
                raise
            refusals += 1
            halves = piece.halves() if refusals < REFUSALS_MAX else []
            waiting += halves[::-1]
            if not halves:
                lost.append(as_missing(piece.what, str(error)))
    return lost


def judge(error: Exception) -> Verdict:
    """Return what it means that an item was not taken."""
    match error:
        case ServerUnreachableError() | ServerError() | TimeoutError():
            return "away"
        case InvalidRequestError() | OSError():
            return "refused"
        case ClientError(code="too-many"):
            return "refused"  # of one kind: the others still fit
        case ClientError():
            return "gone"
        case _:
            return "broken"

"""Send what runs left behind: a server was away at the end, or a process was killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from ..address import ServerDirectory, parse_server
from ..async_client import AsyncClient
from ..errors import ClientError
from .reach import RunAddress
from .sending import judge, send
from .spool import SUFFIX, Spool, SpoolHead, spool_folder

OTHERS_MAX = 20
"""Runs that one run sends the rest of, when it begins; `lakebed runs sync` sends all."""


@dataclass(frozen=True, slots=True)
class Synced:
    """What became of what one process left behind."""

    run: str
    path: str
    sent: int
    """Items that the server has now."""
    left: int
    """Items that it does not have."""
    problem: str = ""
    """Why it does not have them."""
    is_late: bool = False
    """The run takes nothing any more: what is left can only be looked at or removed."""


def list_left_behind(run: str = "", *, folder: Path | None = None) -> list[Path]:
    """Return the files of runs, of `run` if it is said, the oldest first."""
    found = (folder or spool_folder()).glob(f"{run}*{SUFFIX}")
    return sorted(found, key=_age)


async def send_left_behind(lake: AsyncClient, address: RunAddress) -> None:
    """Send what processes of the run at `address` left behind that are dead by now.

    Called before the run ends: a script that was killed has logged what counts.
    """
    for path in await asyncio.to_thread(list_left_behind, address.run):
        spool = await asyncio.to_thread(_open, path)
        if spool is not None:
            await _send_all(lake, spool)


async def send_of_others(saved_server: str, url: str) -> None:
    """Send what earlier runs of the server left behind, as far as that goes quickly.

    Args:
        saved_server: the server as their files name it.
        url: where it is now.
    """
    for path in (await asyncio.to_thread(list_left_behind))[:OTHERS_MAX]:
        spool = await asyncio.to_thread(_open, path)
        if spool is None:
            continue
        if spool.head.server != saved_server or not len(spool):
            spool.leave()
            continue
        client = AsyncClient(
            url,
            access_key_id=spool.head.access_key_id,
            secret_access_key=spool.head.secret_access_key,
        )
        async with client:
            await _send_all(client, spool)


async def sync(
    *,
    connect: Callable[[SpoolHead], AsyncClient] | None = None,
    folder: Path | None = None,
) -> AsyncIterator[Synced]:
    """Send everything that was left behind here, and yield what became of each.

    Args:
        connect: makes a client as the user, for a run whose key has ended.
        folder: where the files are.
    """
    for path in await asyncio.to_thread(lambda: list_left_behind(folder=folder)):
        spool = await asyncio.to_thread(_open, path)
        if spool is None:
            continue
        yield await _sync_one(spool, connect)


async def _sync_one(
    spool: Spool, connect: Callable[[SpoolHead], AsyncClient] | None
) -> Synced:
    head = spool.head
    address = parse_server(head.server)
    by_owner = isinstance(address, ServerDirectory)
    client = AsyncClient(
        address.path if isinstance(address, ServerDirectory) else address.url,
        access_key_id=None if by_owner else head.access_key_id,
        secret_access_key=None if by_owner else head.secret_access_key,
    )
    try:
        async with client:
            synced = await _send_all(client, spool)
    except ClientError as error:
        left = len(spool)
        spool.leave()
        return Synced(head.run, str(spool.path), 0, left, str(error))
    if synced.is_late and connect is not None:
        return await _explain(synced, spool, connect(head))
    return synced


async def _send_all(lake: AsyncClient, spool: Spool) -> Synced:
    """Send what `spool` has; it is removed if nothing is left."""
    head, sent, problem, is_late = spool.head, 0, "", False
    try:
        while (item := spool.first()) is not None:
            try:
                await send(lake, head.repository, head.run, item)
            except Exception as error:  # noqa: BLE001 - `judge` raises what it does not know
                verdict = judge(error)
                problem = str(error)
                if verdict != "refused":
                    is_late = verdict == "gone"
                    break
            else:
                sent += 1
            spool.drop_first()
    finally:
        left = len(spool)
        if left:
            spool.leave()
        else:
            spool.remove()
    return Synced(head.run, str(spool.path), sent, left, problem, is_late)


async def _explain(synced: Synced, spool: Spool, client: AsyncClient) -> Synced:
    """Say more of a run that takes nothing: its key has ended, and says nothing."""
    try:
        async with client:
            run = await client.get_run(synced.run)
    except ClientError:
        return synced
    return Synced(
        synced.run,
        synced.path,
        synced.sent,
        synced.left,
        f"the run has ended ({run.status}): what is left came too late",
        is_late=True,
    )


def _open(path: Path) -> Spool | None:
    try:
        return Spool.open(path)
    except OSError:
        return None


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # somebody else has sent it
        return 0.0

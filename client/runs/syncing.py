"""Send what runs left behind: a server was away at the end, or a process was killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from ..address import ServerDirectory, parse_server
from ..async_client import AsyncClient
from ..errors import ClientError
from .outbox import warn
from .pending import as_missing
from .reach import RunAddress
from .sending import deliver, judge, name_missing
from .spool import (
    SUFFIX,
    Spool,
    SpoolDamagedError,
    SpoolHead,
    SpoolItem,
    put_aside,
    spool_folder,
)

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
    """The run takes nothing any more: what is left was put aside, at `path`. It can only be
    looked at or removed."""


def list_left_behind(run: str = "", *, folder: Path | None = None) -> list[Path]:
    """Return the files of runs, of `run` if it is said, the oldest first."""
    found = (folder or spool_folder()).glob(f"{run}*{SUFFIX}")
    return sorted(found, key=_age)


async def send_left_behind(lake: AsyncClient, address: RunAddress) -> None:
    """Send what processes of the run at `address` left behind that are dead by now.

    Called before the run ends: a script that was killed has logged what counts.
    """
    for path in await asyncio.to_thread(list_left_behind, address.run):
        spool = await asyncio.to_thread(_open_whole, path)
        if spool is not None:
            _tell_of_lost(await _send_all(lake, spool))


async def send_of_others(saved_server: str, url: str) -> None:
    """Send what earlier runs of the server left behind, as far as that goes quickly.

    Args:
        saved_server: the server as their files name it.
        url: where it is now.
    """
    for path in (await asyncio.to_thread(list_left_behind))[:OTHERS_MAX]:
        spool = await asyncio.to_thread(_open_whole, path)
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
            _tell_of_lost(await _send_all(client, spool))


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
        try:
            spool = await asyncio.to_thread(_open, path)
        except SpoolDamagedError as error:
            aside = str(await asyncio.to_thread(put_aside, path))
            run = path.stem.partition("-")[0]
            yield Synced(run, aside, 0, 1, str(error), is_late=True)
            continue
        if spool is not None:
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
    if not synced.is_late:
        return synced
    if connect is not None:
        synced = await _explain(synced, connect(head))
    # The next `sync` shall not say it again: nothing will change.
    return replace(synced, path=str(await asyncio.to_thread(spool.set_aside)))


def _tell_of_lost(synced: Synced) -> None:
    if synced.problem and not synced.left:
        warn(f"run {synced.run[:12]}: {synced.problem}")


async def _send_all(lake: AsyncClient, spool: Spool) -> Synced:
    """Send what `spool` has; it is removed if nothing is left."""
    head, sent, problem, is_late = spool.head, 0, "", False
    lost: list[str] = []
    try:
        while (item := await _next(lake, spool, lost)) is not None:
            delivered = await deliver(lake, head.repository, head.run, item)
            lost += [each.reason for each in delivered.lost]
            sent += 1
            spool.drop_first()
    except Exception as error:  # noqa: BLE001 - `judge` says what it is
        verdict = judge(error)
        problem = str(error)
        is_late = verdict in ("gone", "refused")
    finally:
        left = len(spool)
        if left:
            spool.leave()
        else:
            spool.remove()
    if lost:
        problem = "; ".join([*([problem] if problem else []), f"lost: {lost[0]}"])
    return Synced(head.run, str(spool.path), sent, left, problem, is_late)


async def _next(lake: AsyncClient, spool: Spool, lost: list[str]) -> SpoolItem | None:
    """Return what is to be sent next, after the record was told what cannot be read."""
    item = spool.first()
    if spool.damage:
        lost += spool.damage
        missing = [as_missing("log and metrics", reason) for reason in spool.damage]
        await name_missing(lake, spool.head.repository, spool.head.run, missing)
        spool.damage.clear()
    return item


async def _explain(synced: Synced, client: AsyncClient) -> Synced:
    """Say more of a run that takes nothing: its key has ended, and says nothing."""
    try:
        async with client:
            run = await client.get_run(synced.run)
    except ClientError:
        return synced
    problem = f"the run has ended ({run.status}): what is left came too late"
    return replace(synced, problem=problem)


def _open(path: Path) -> Spool | None:
    try:
        return Spool.open(path)
    except OSError:
        return None


def _open_whole(path: Path) -> Spool | None:
    try:
        return _open(path)
    except SpoolDamagedError:
        return None  # `sync` tells of it


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # somebody else has sent it
        return 0.0

"""Inputs as local files: what is there already and differs is never overwritten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

from ..async_client import AsyncClient
from ..errors import InvalidRequestError, NotFoundError
from ..operations.bulk_download import ObjectDownload
from ..operations.bundling import md5_of_file
from ..operations.folders import target_of
from ..wire import ObjectStats
from ..wire.runs import InputWish
from .watching import Watched


async def check_out(
    lake: AsyncClient,
    wish: InputWish,
    local: Path,
    watched: Watched | None = None,
) -> dict[Path, str]:
    """Write the input `wish` to `local`, with the key of the run.

    Returns its files with their checksums, as the server has them.

    Files that are there with the same bytes stay as they are.

    Raises:
        InvalidRequestError: a file of other bytes is there, or a path would leave the
            folder.
        NotFoundError: there is no such input.
        OSError: a file cannot be written.
    """
    if wish.path and not wish.path.endswith("/"):
        return await _check_out_file(lake, wish, local, watched)
    return await _check_out_folder(lake, wish, local, watched)


async def _check_out_file(
    lake: AsyncClient, wish: InputWish, local: Path, watched: Watched | None
) -> dict[Path, str]:
    if str(wish.local or "").endswith("/") or await asyncio.to_thread(local.is_dir):
        local /= wish.path.rpartition("/")[2]
    found = await lake.stat_object(wish.repository, wish.ref, wish.path)
    if await _is_there(lake, wish, found, local):
        # It is read all the same: what the run has before it is that version.
        return {local: found.checksum}
    await asyncio.to_thread(local.parent.mkdir, parents=True, exist_ok=True)
    await lake.download_object(
        wish.repository,
        wish.ref,
        wish.path,
        local,
        parallel=4,
        progress=watched.advance if watched is not None else None,
        expect=watched.set_total if watched is not None else None,
    )
    return {local: found.checksum}


async def _check_out_folder(
    lake: AsyncClient, wish: InputWish, folder: Path, watched: Watched | None
) -> dict[Path, str]:
    files: dict[Path, str] = {}
    if watched is not None:
        held = await lake.du(wish.repository, wish.ref, prefix=wish.path)
        watched.set_total(held.size_bytes)

    async def downloads() -> AsyncGenerator[ObjectDownload]:
        listing = lake.iter_objects(wish.repository, wish.ref, prefix=wish.path)
        async for found in listing:
            name = found.path.removeprefix(wish.path)
            if not name:
                continue  # the folder itself, as some clients leave it
            target = target_of(folder, name)
            files[target] = found.checksum
            if not await _is_there(lake, wish, found, target):
                yield ObjectDownload(found.path, target)
            elif watched is not None:
                watched.advance(found.size_bytes or 0)

    report = await lake.download_objects(
        wish.repository,
        wish.ref,
        downloads(),
        progress=watched.advance if watched is not None else None,
    )
    if report.failed:
        raise report.failed[0][1]
    if not files:
        raise NotFoundError(
            f"nothing below 'lakebed://{wish.repository}/{wish.ref}/{wish.path}'"
        )
    return files


async def _is_there(
    lake: AsyncClient, wish: InputWish, found: ObjectStats, target: Path
) -> bool:
    """Tell whether `target` has the bytes of `found`; False: nothing is there.

    Raises:
        InvalidRequestError: something else is there.
    """
    try:
        status = await asyncio.to_thread(target.stat)
    except (FileNotFoundError, NotADirectoryError):
        return False
    if status.st_size == found.size_bytes and await asyncio.to_thread(target.is_file):
        if "-" not in found.checksum:
            is_same = await asyncio.to_thread(md5_of_file, target) == found.checksum
        else:  # of parts: it says nothing about the whole
            is_same = await _reads_the_same(lake, wish, found, target)
        if is_same:
            return True
    raise InvalidRequestError(
        f"cannot check out 'lakebed://{wish.repository}/{wish.ref}/{found.path}': "
        f"'{target}' is there and differs; move it away, or name another place"
    )


async def _reads_the_same(
    lake: AsyncClient, wish: InputWish, found: ObjectStats, target: Path
) -> bool:
    with await asyncio.to_thread(target.open, "rb") as file:
        opened = lake.open_object(wish.repository, wish.ref, found.path)
        async with opened as stream:
            async for piece in stream:
                if await asyncio.to_thread(file.read, len(piece)) != piece:
                    return False
    return True

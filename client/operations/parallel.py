"""Download a large object in several requests at once, into a file.

The pieces are of one version (`pinning.py`). Memory is bounded by a step of each request:
what cannot be written yet is not read yet. What was interrupted goes on (`resuming.py`).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from ..errors import ServerError
from .pinning import PinnedObject
from .reading import ObjectStream
from .resuming import PartialFile
from .uploading import Progress

PARALLEL_MAX = 32
"""Requests at once; as many as a client has connections."""

_MD5 = re.compile(r'"([0-9a-f]{32})"')

OpenRange = Callable[[int, int], AbstractAsyncContextManager[ObjectStream]]


async def download_pieces(
    open_range: OpenRange,
    pinned: PinnedObject,
    to: Path,
    *,
    server: str,
    parallel: int,
    progress: Progress | None,
) -> int:
    """Write `pinned` to the file `to`, `parallel` pieces at a time; return its size.

    Raises:
        PreconditionFailedError: that version is not there any more.
        ServerError: what came is not what the ETag says.
        OSError: the file cannot be written.
    """
    identity = "\0".join(
        (server, pinned.repository, pinned.path, pinned.etag, str(pinned.size_bytes))
    )
    # A link is followed: the file behind it is replaced, and the link stays.
    target = await asyncio.to_thread(to.resolve)
    with await asyncio.to_thread(
        PartialFile, target, identity=identity, size_bytes=pinned.size_bytes
    ) as file:
        missing = file.missing()
        if progress is not None:
            there = pinned.size_bytes - sum(end - start for start, end in missing)
            progress(there)
        pieces = iter(missing)

        async def work() -> None:
            for start, end in pieces:
                position = start
                async with open_range(start, end) as stream:
                    async for data in stream:
                        await asyncio.to_thread(file.write, position, data)
                        position += len(data)
                        if progress is not None:
                            progress(len(data))
                if position != end:
                    raise ServerError(
                        f"cannot read {pinned.name}: {position - start} bytes came "
                        f"where {end - start} were asked for"
                    )
                file.mark(start)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(parallel, PARALLEL_MAX, max(len(missing), 1))):
                    group.create_task(work())
        except BaseExceptionGroup as failures:
            # The others follow from the first.
            raise failures.exceptions[0] from None
        await asyncio.to_thread(_finish, file, pinned)
    return pinned.size_bytes


def _finish(file: PartialFile, pinned: PinnedObject) -> None:
    # The ETag of what came in parts is no MD5 of the whole; there the server's own check
    # of each chunk and the lengths must do.
    whole = _MD5.fullmatch(pinned.etag)
    if whole is not None and file.md5() != whole[1]:
        file.discard()
        raise ServerError(
            f"cannot read {pinned.name}: what came is not what its checksum says"
        )
    file.publish()

"""Outputs: files and folders into the branch that the run prepares."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from ..async_client import AsyncClient
from ..content_types import guess_content_type
from ..errors import InvalidRequestError
from ..operations.bundling import ObjectUpload
from ..wire.runs import OutputWish
from .watching import Watched


async def upload(
    lake: AsyncClient,
    local: Path,
    wish: OutputWish,
    watched: Watched | None = None,
) -> int:
    """Write `local` to where `wish`, settled, says, with the key of the run; return its files.

    Raises:
        InvalidRequestError: there is no such file, or its name cannot be that of an
            object.
        OSError: a file cannot be read.
    """
    progress = watched.advance if watched is not None else None
    if await asyncio.to_thread(local.is_dir):
        report = await lake.upload_objects(
            wish.repository, wish.branch, _walk(local, wish.path), progress=progress
        )
        if report.failed:
            raise report.failed[0][1]
        return report.uploaded + report.unchanged
    if not await asyncio.to_thread(local.exists):
        raise InvalidRequestError(f"output '{local}' is not there")
    await lake.upload_object(
        wish.repository,
        wish.branch,
        wish.path,
        local,
        content_type=guess_content_type(wish.path),
        progress=progress,
        expect=watched.set_total if watched is not None else None,
    )
    return 1


def _walk(folder: Path, prefix: str) -> Iterator[ObjectUpload]:
    """Yield the files below `folder` by name; links to folders are not followed."""
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            path = Path(place, name)
            if not path.is_file():
                continue  # a pipe, a socket, a link to nowhere
            target = prefix + path.relative_to(folder).as_posix()
            try:
                target.encode()
            except UnicodeEncodeError:
                raise InvalidRequestError(
                    f"output '{folder}' has a file whose name is not UTF-8: {name!r}"
                ) from None
            yield ObjectUpload(
                target,
                path,
                path.stat().st_size,
                guess_content_type(target) or "",
            )

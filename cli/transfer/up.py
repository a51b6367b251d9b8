"""Files into a branch."""

from __future__ import annotations

import asyncio
import mimetypes
import os
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..addresses import ObjectAddress
from ..local_files import LocalFile, Skipped, md5_of, object_name, walk
from ..output import print_line
from ..text import escape, format_bytes
from .options import CopyOptions
from .plan import (
    Tally,
    destination_of,
    folder_prefix,
    for_each,
    require_recursive,
    tell_dry_run,
    tell_skipped,
)
from .progress import TransferProgress

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import ObjectStats

PIPE_BYTES = 1024 * 1024
"""Read from standard input at once; a pipe gives 64 KiB at most."""

_TYPES = mimetypes.MimeTypes()
"""Python's own table and no file of the system: the content type is part of what an
object is, so that two machines must not disagree on it."""


async def copy(
    lake: AsyncClient, source: Path, end: ObjectAddress, options: CopyOptions
) -> None:
    """Upload the file or folder `source` to `end`.

    Raises:
        OSError: it cannot be read.
    """
    if await asyncio.to_thread(source.is_dir):
        require_recursive(options, str(source))
        await _copy_folder(lake, source, end, options)
        return
    target = destination_of(end, object_name(source.name))
    if options.dry_run:
        tell_dry_run(source, target)
        return
    size_bytes = (await asyncio.to_thread(source.stat)).st_size
    with TransferProgress(source.name, total_bytes=size_bytes) as progress:
        made = await _upload(lake, source, target, options, progress)
    tell_uploaded(target, made)


async def copy_from_stdin(
    lake: AsyncClient, end: ObjectAddress, options: CopyOptions
) -> None:
    """Upload standard input to `end`."""
    if end.is_prefix:
        raise typer.BadParameter("standard input has no name: give a whole path")
    if options.dry_run:
        tell_dry_run("standard input", end)
        return

    async def pieces() -> AsyncGenerator[bytes]:
        while piece := await asyncio.to_thread(os.read, sys.stdin.fileno(), PIPE_BYTES):
            yield piece

    with TransferProgress(end.path, total_bytes=None) as progress:
        made = await lake.upload_object(
            end.repository,
            end.ref,
            end.path,
            pieces(),
            content_type=_content_type(end.path, options),
            metadata=options.metadata,
            if_absent=options.no_clobber,
            progress=progress.advance,
        )
    tell_uploaded(end, made)


def tell_uploaded(target: ObjectAddress, made: ObjectStats) -> None:
    """Say that an object is there now."""
    size = format_bytes(made.size_bytes or 0)
    print_line(f"{escape(str(target))} written, {size}, not committed")


async def _copy_folder(
    lake: AsyncClient, source: Path, end: ObjectAddress, options: CopyOptions
) -> None:
    prefix = folder_prefix(end)
    tally = Tally()
    there = {
        found.path: found
        async for found in lake.iter_objects(end.repository, end.ref, prefix=prefix)
    }
    files: list[LocalFile] = []
    for found in walk(source):
        if isinstance(found, Skipped):
            tell_skipped(found.path, found.reason)
        else:
            object_name(found.name)
            files.append(found)

    async def listed() -> AsyncGenerator[LocalFile]:
        for file in files:
            yield file

    total = sum(file.size_bytes for file in files)
    with TransferProgress(source.name or str(source), total_bytes=total) as progress:

        async def upload(file: LocalFile) -> None:
            target = end.below(prefix + file.name)
            old = there.get(target.path)
            if old is not None and options.no_clobber:
                tally.kept += 1
            elif old is not None and await _is_same(file, old):
                tally.unchanged += 1
            elif options.dry_run:
                tell_dry_run(file.path, target)
                return
            else:
                made = await _upload(lake, file.path, target, options, progress)
                tally.add(made.size_bytes or 0)
                return
            progress.advance(file.size_bytes)

        await for_each(listed(), upload)
    if not options.dry_run:
        tally.print("uploaded")


async def _upload(
    lake: AsyncClient,
    source: Path,
    target: ObjectAddress,
    options: CopyOptions,
    progress: TransferProgress,
) -> ObjectStats:
    return await lake.upload_object(
        target.repository,
        target.ref,
        target.path,
        source,
        content_type=_content_type(target.path, options),
        metadata=options.metadata,
        if_absent=options.no_clobber,
        progress=progress.advance,
    )


async def _is_same(file: LocalFile, there: ObjectStats) -> bool:
    # A checksum with a dash is of parts: it says nothing about the whole.
    if there.size_bytes != file.size_bytes or "-" in there.checksum:
        return False
    return await asyncio.to_thread(md5_of, file.path) == there.checksum


def _content_type(path: str, options: CopyOptions) -> str | None:
    if options.content_type is not None:
        return options.content_type
    return _TYPES.guess_type(f"file:///{path.rpartition('/')[2]}")[0]

"""Objects into files."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..addresses import ObjectAddress
from ..local_files import local_target, md5_of
from ..output import print_line
from ..text import escape, format_bytes
from .options import CopyOptions
from .plan import (
    Tally,
    folder_prefix,
    for_each,
    require_recursive,
    tell_dry_run,
)
from .progress import TransferProgress

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import ObjectStats


async def copy(
    lake: AsyncClient, start: ObjectAddress, end: Path, options: CopyOptions
) -> None:
    """Download the object or prefix `start` to the file or folder `end`.

    Raises:
        OSError: a file cannot be written.
    """
    if options.recursive:
        await _copy_prefix(lake, start, end, options)
        return
    if start.is_prefix:
        require_recursive(options, str(start))
    name = start.path.rpartition("/")[2]
    is_folder = await asyncio.to_thread(end.is_dir)
    target = local_target(end, name) if is_folder else end
    if options.dry_run:
        tell_dry_run(start, target)
        return
    if options.no_clobber and target.exists():
        print_line(f"'{escape(str(target))}' kept as it was")
        return
    found = await lake.stat_object(start.repository, start.ref, start.path)
    with TransferProgress(name, total_bytes=found.size_bytes) as progress:
        size_bytes = await lake.download_object(
            start.repository, start.ref, start.path, target, progress=progress.advance
        )
    print_line(f"{escape(str(target))} written, {format_bytes(size_bytes)}")


async def copy_to_stdout(lake: AsyncClient, start: ObjectAddress) -> None:
    """Write the bytes of the object `start` to standard output."""
    if start.is_prefix:
        raise typer.BadParameter(f"'{start}' is not one object")
    async with lake.open_object(start.repository, start.ref, start.path) as stream:
        async for piece in stream:
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


async def _copy_prefix(
    lake: AsyncClient, start: ObjectAddress, end: Path, options: CopyOptions
) -> None:
    from lakebed.client import NotFoundError

    prefix = folder_prefix(start)
    tally = Tally()
    held = await lake.du(start.repository, start.ref, prefix=prefix)
    if held.object_count == 0:
        raise NotFoundError(f"nothing below '{start.below(prefix)}'")
    what = prefix.rstrip("/") or start.ref
    with TransferProgress(what, total_bytes=held.size_bytes) as progress:

        async def download(found: ObjectStats) -> None:
            target = local_target(end, found.path.removeprefix(prefix))
            if options.no_clobber and target.exists():
                tally.kept += 1
            elif await asyncio.to_thread(_is_same, target, found):
                tally.unchanged += 1
            elif options.dry_run:
                tell_dry_run(start.below(found.path), target)
                return
            else:
                await asyncio.to_thread(
                    target.parent.mkdir, parents=True, exist_ok=True
                )
                size_bytes = await lake.download_object(
                    start.repository,
                    start.ref,
                    found.path,
                    target,
                    progress=progress.advance,
                )
                tally.add(size_bytes)
                return
            progress.advance(found.size_bytes or 0)

        listing = lake.iter_objects(start.repository, start.ref, prefix=prefix)
        await for_each(listing, download)
    if not options.dry_run:
        tally.print("downloaded")


def _is_same(target: Path, found: ObjectStats) -> bool:
    # A checksum with a dash is of parts: it says nothing about the whole.
    if "-" in found.checksum or not target.is_file():
        return False
    return (
        target.stat().st_size == found.size_bytes and md5_of(target) == found.checksum
    )

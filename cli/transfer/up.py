"""Files into a branch."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..addresses import ObjectAddress
from ..local_files import LocalFile, Skipped, object_name, walk
from .options import CopyOptions
from .plan import (
    NOT_COMMITTED,
    Failures,
    Tally,
    destination_of,
    folder_prefix,
    pair,
    require_recursive,
    tell_dry_run,
    tell_skipped,
    tell_written,
)
from .progress import TransferProgress

if TYPE_CHECKING:
    from lakebed.client import AsyncClient, ObjectUpload
    from lakebed.client.wire import ObjectStats

PIPE_BYTES = 1024 * 1024
"""Read from standard input at once; a pipe gives 64 KiB at most."""

WALK_COUNT = 1000
"""Files that a thread finds at once, beside the requests."""


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
        tell_dry_run(options, source, target)
        return
    size_bytes = (await asyncio.to_thread(source.stat)).st_size
    with TransferProgress(source.name, total_bytes=size_bytes) as progress:
        made = await _upload(lake, source, target, options, progress)
    tell_written(options, target, made.size_bytes or 0, note=NOT_COMMITTED)


async def copy_from_stdin(
    lake: AsyncClient, end: ObjectAddress, options: CopyOptions
) -> None:
    """Upload standard input to `end`."""
    if end.is_prefix:
        raise typer.BadParameter("standard input has no name: give a whole path")
    if options.dry_run:
        tell_dry_run(options, "standard input", end)
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
    tell_written(options, end, made.size_bytes or 0, note=NOT_COMMITTED)


async def _copy_folder(
    lake: AsyncClient, source: Path, end: ObjectAddress, options: CopyOptions
) -> None:
    prefix = folder_prefix(end)
    tally, failures = Tally(), Failures()
    # Before anything is listed: what is wrong with the folder itself is told at once.
    await asyncio.to_thread(lambda: os.scandir(source).close())
    there = lake.iter_objects(end.repository, end.ref, prefix=prefix)
    pairs = pair(_walked(source), there, lambda found: prefix + _name_of(found))
    with TransferProgress(source.name or str(source)) as progress:

        async def uploads() -> AsyncGenerator[ObjectUpload]:
            async for found, old in pairs:
                if isinstance(found, Skipped):
                    if found.is_failure:
                        failures.add(found.path, found.reason)
                    else:
                        tell_skipped(found.path, found.reason)
                elif old is not None and options.no_clobber:
                    tally.kept += 1
                    progress.advance(found.size_bytes)
                elif options.dry_run:
                    if old is not None and await _is_same(found, old):
                        continue
                    tell_dry_run(options, found.path, end.below(prefix + found.name))
                else:
                    yield _plan(found, old, prefix, options)

        async with counting(source, progress):
            report = await lake.upload_objects(
                end.repository,
                end.ref,
                uploads(),
                if_absent=options.no_clobber,
                jobs=options.jobs,
                progress=progress.advance,
            )
    tally.copied, tally.copied_bytes = report.uploaded, report.uploaded_bytes
    tally.unchanged = report.unchanged
    tally.kept += report.kept
    if not options.dry_run:
        tally.tell("uploaded", options)
    for upload, error in report.failed:
        failures.add_error(upload.source, error)
    failures.settle()


def _name_of(found: LocalFile | Skipped) -> str:
    return found.name if isinstance(found, LocalFile) else ""


def _plan(
    file: LocalFile, old: ObjectStats | None, prefix: str, options: CopyOptions
) -> ObjectUpload:
    from lakebed.client import ObjectUpload

    # A checksum with a dash is of parts: it says nothing about the whole.
    may_be_same = (
        old is not None
        and old.size_bytes == file.size_bytes
        and "-" not in old.checksum
    )
    return ObjectUpload(
        prefix + file.name,
        file.path,
        file.size_bytes,
        _content_type(file.name, options) or "",
        options.metadata,
        there=old.checksum if old is not None and may_be_same else None,
    )


async def _walked(source: Path) -> AsyncGenerator[LocalFile | Skipped]:
    """Yield what lies below `source`; threads look for it beside the requests."""
    files = walk(source)
    while some := await asyncio.to_thread(lambda: list(islice(files, WALK_COUNT))):
        for found in some:
            yield found


@asynccontextmanager
async def counting(source: Path, progress: TransferProgress) -> AsyncGenerator[None]:
    """Find out beside the work how much there is, if there is anybody to tell."""
    if not progress.is_shown:
        yield
        return
    is_over = False

    def count() -> int:
        total_bytes = 0
        for found in walk(source):
            if is_over:
                break
            if isinstance(found, LocalFile):
                total_bytes += found.size_bytes
        return total_bytes

    async def tell() -> None:
        progress.set_total(await asyncio.to_thread(count))

    task = asyncio.create_task(tell())
    try:
        yield
    finally:
        is_over = True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
    from lakebed.client.operations.bundling import md5_of_file

    # A checksum with a dash is of parts: it says nothing about the whole.
    if there.size_bytes != file.size_bytes or "-" in there.checksum:
        return False
    return await asyncio.to_thread(md5_of_file, file.path) == there.checksum


def _content_type(path: str, options: CopyOptions) -> str | None:
    if options.content_type is not None:
        return options.content_type
    from lakebed.client.content_types import guess_content_type

    return guess_content_type(path)

"""Objects into files."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ..addresses import ObjectAddress
from ..exits import CommandError
from ..local_files import LocalFolder, local_target
from ..models import REPOSITORY as MODELS
from .options import CopyOptions
from .plan import (
    Failures,
    Tally,
    batches,
    folder_prefix,
    require_recursive,
    tell_dry_run,
    tell_kept,
    tell_written,
)
from .progress import TransferProgress

if TYPE_CHECKING:
    from lakebed.client import AsyncClient, ObjectDownload
    from lakebed.client.wire import ObjectStats

PLAN_COUNT = 1000
"""Objects that a thread compares with files at once; a page of the listing."""


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
    is_folder = options.into_folder or await asyncio.to_thread(end.is_dir)
    target = local_target(end, name) if is_folder else end
    if options.dry_run:
        tell_dry_run(options, start, target)
        return
    if options.no_clobber and target.exists():
        tell_kept(options, target)
        return
    found = await lake.stat_object(start.repository, start.ref, start.path)
    if options.into_folder:
        await asyncio.to_thread(end.mkdir, parents=True, exist_ok=True)
    with TransferProgress(name, total_bytes=found.size_bytes) as progress:
        size_bytes = await lake.download_object(
            start.repository, start.ref, start.path, target, progress=progress.advance
        )
    tell_written(options, target, size_bytes)


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
    tally, failures = Tally(), Failures()
    ref = await pin(lake, start)
    held = await lake.du(start.repository, ref, prefix=prefix)
    if held.object_count == 0:
        raise NotFoundError(f"nothing below '{start.below(prefix)}'")
    what = prefix.rstrip("/") or start.ref
    with TransferProgress(what, total_bytes=held.size_bytes) as progress:
        plan = _Plan(end, prefix, options, tally, failures)

        async def downloads() -> AsyncGenerator[ObjectDownload]:
            listing = lake.iter_objects(start.repository, ref, prefix=prefix)
            async for some in batches(listing, PLAN_COUNT):
                wanted, passed_bytes = await asyncio.to_thread(plan.choose, some)
                progress.advance(passed_bytes)
                for each in wanted:
                    if options.dry_run:
                        tell_dry_run(options, start.below(each.path), each.target)
                    else:
                        yield each

        report = await lake.download_objects(
            start.repository,
            ref,
            downloads(),
            jobs=options.jobs,
            progress=progress.advance,
        )
    tally.copied, tally.copied_bytes = report.downloaded, report.downloaded_bytes
    if not options.dry_run:
        tally.tell("downloaded", options)
    for path in report.missing:
        failures.add(start.below(path), "deleted while it was copied")
    for download, error in report.failed:
        if isinstance(error, OSError):
            failures.add_error(download.target, error)
        else:
            failures.add(start.below(download.path), error.message)
    failures.settle()


class _Plan:
    """Decides what of a listing is downloaded; looks at files, so it blocks."""

    def __init__(
        self,
        end: Path,
        prefix: str,
        options: CopyOptions,
        tally: Tally,
        failures: Failures,
    ) -> None:
        self._folder = LocalFolder(end)
        self._prefix = prefix
        self._options = options
        self._tally = tally
        self._failures = failures

    def choose(
        self, listing: Sequence[ObjectStats]
    ) -> tuple[list[ObjectDownload], int]:
        """Return what to download, and the bytes of what is passed over."""
        from lakebed.client import ObjectDownload

        wanted: list[ObjectDownload] = []
        passed_bytes = 0
        for found in listing:
            try:
                name = found.path.removeprefix(self._prefix)
                target, status = self._folder.find(name)
                if status is None:
                    wanted.append(ObjectDownload(found.path, target))
                    continue
                if self._options.no_clobber:
                    self._tally.kept += 1
                elif _is_same(target, status, found):
                    self._tally.unchanged += 1
                else:
                    wanted.append(ObjectDownload(found.path, target))
                    continue
            except CommandError as error:
                self._failures.add(found.path, str(error))
            except OSError as error:
                self._failures.add_error(found.path, error)
            passed_bytes += found.size_bytes or 0
        return wanted, passed_bytes


def _is_same(target: Path, status: os.stat_result, found: ObjectStats) -> bool:
    from lakebed.client.operations.bundling import md5_of_file

    # A checksum with a dash is of parts: it says nothing about the whole.
    return (
        "-" not in found.checksum
        and stat.S_ISREG(status.st_mode)
        and status.st_size == found.size_bytes
        and md5_of_file(target) == found.checksum
    )


async def pin(lake: AsyncClient, at: ObjectAddress) -> str:
    """Return an expression for what the ref of `at` shows now, which does not move.

    That is a commit id, of a model the version; the ref itself where it cannot be pinned:
    a branch with uncommitted changes, or where the caller may not name commits by their
    ids.
    """
    from lakebed.client import ClientError

    if at.ref.endswith("$"):
        return at.ref  # the uncommitted changes alone
    if at.repository == MODELS:
        return await lake.fix_model_ref(at.ref)
    try:
        async for _ in lake.iter_uncommitted(at.repository, at.ref, limit=1):
            return at.ref
    except ClientError:
        pass  # no branch: a tag, a commit or an expression
    # After the look at the changes: what was committed in between is in it.
    commit = await lake.get_commit(at.repository, at.ref)
    try:
        await lake.get_commit(at.repository, commit.id)
    except ClientError:
        return at.ref
    return commit.id

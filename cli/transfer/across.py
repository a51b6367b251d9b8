"""Objects to other places: within a repository no bytes are moved."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ..addresses import ObjectAddress
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
)
from .progress import TransferProgress

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import ObjectStats


async def copy(
    lake: AsyncClient, start: ObjectAddress, end: ObjectAddress, options: CopyOptions
) -> None:
    """Copy the object or prefix `start` to `end`."""
    if options.recursive:
        await _copy_prefix(lake, start, end, options)
        return
    if start.is_prefix:
        require_recursive(options, str(start))
    target = destination_of(end, start.path.rpartition("/")[2])
    if options.dry_run:
        tell_dry_run(start, target)
        return
    found = await lake.stat_object(start.repository, start.ref, start.path)
    if options.no_clobber and await _exists(lake, target):
        print_line(f"{escape(str(target))} kept as it was")
        return
    made = await _copy_one(lake, start, target, found)
    size = format_bytes(made.size_bytes or 0)
    print_line(f"{escape(str(target))} written, {size}, not committed")


async def _copy_prefix(
    lake: AsyncClient, start: ObjectAddress, end: ObjectAddress, options: CopyOptions
) -> None:
    from lakebed.client import NotFoundError

    old_prefix, new_prefix = folder_prefix(start), folder_prefix(end)
    held = await lake.du(start.repository, start.ref, prefix=old_prefix)
    if held.object_count == 0:
        raise NotFoundError(f"nothing below '{start.below(old_prefix)}'")
    there = {
        found.path: found
        async for found in lake.iter_objects(end.repository, end.ref, prefix=new_prefix)
    }
    tally = Tally()
    what = old_prefix.rstrip("/") or start.ref
    with TransferProgress(what, total_bytes=held.size_bytes) as progress:

        async def copy_one(found: ObjectStats) -> None:
            source = start.below(found.path)
            target = end.below(new_prefix + found.path.removeprefix(old_prefix))
            old = there.get(target.path)
            if old is not None and options.no_clobber:
                tally.kept += 1
            elif old is not None and _is_same(old, found):
                tally.unchanged += 1
            elif options.dry_run:
                tell_dry_run(source, target)
                return
            else:
                made = await _copy_one(lake, source, target, found)
                tally.add(made.size_bytes or 0)
            progress.advance(found.size_bytes or 0)

        # Listed to its end before the first copy: a copy into its own source would
        # find its own results.
        listing = [
            found
            async for found in lake.iter_objects(
                start.repository, start.ref, prefix=old_prefix
            )
        ]

        async def listed() -> AsyncGenerator[ObjectStats]:
            for found in listing:
                yield found

        await for_each(listed(), copy_one)
    if not options.dry_run:
        tally.print("copied")


async def _copy_one(
    lake: AsyncClient, start: ObjectAddress, end: ObjectAddress, found: ObjectStats
) -> ObjectStats:
    if start.repository == end.repository:
        return await lake.copy_object(
            end.repository,
            end.ref,
            end.path,
            source_path=start.path,
            source_ref=start.ref,
        )
    async with lake.open_object(start.repository, start.ref, start.path) as stream:
        return await lake.upload_object(
            end.repository,
            end.ref,
            end.path,
            stream,
            content_type=found.content_type,
            metadata=found.metadata,
        )


def _is_same(one: ObjectStats, other: ObjectStats) -> bool:
    return (
        one.checksum == other.checksum
        and one.size_bytes == other.size_bytes
        and one.content_type == other.content_type
        and (one.metadata or {}) == (other.metadata or {})
    )


async def _exists(lake: AsyncClient, at: ObjectAddress) -> bool:
    from lakebed.client import NotFoundError

    try:
        await lake.stat_object(at.repository, at.ref, at.path)
    except NotFoundError as error:
        if error.code != "object-not-found":
            raise
        return False
    return True

"""Objects to other places: within a repository no bytes are moved."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TYPE_CHECKING

from ..addresses import ObjectAddress
from .down import pin
from .options import CopyOptions
from .plan import (
    NOT_COMMITTED,
    Tally,
    batches,
    destination_of,
    folder_prefix,
    pair,
    require_recursive,
    tell_dry_run,
    tell_kept,
    tell_written,
)
from .progress import TransferProgress

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import ObjectStats

CARRY_COUNT = 1000
"""Objects read together on their way to another repository; a page of the listing."""


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
        tell_dry_run(options, start, target)
        return
    found = await lake.stat_object(start.repository, start.ref, start.path)
    if options.no_clobber and await _exists(lake, target):
        tell_kept(options, target)
        return
    made = await _copy_one(lake, start, target, found)
    tell_written(options, target, made.size_bytes or 0, note=NOT_COMMITTED)


async def _copy_prefix(
    lake: AsyncClient, start: ObjectAddress, end: ObjectAddress, options: CopyOptions
) -> None:
    from lakebed.client import NotFoundError

    old_prefix, new_prefix = folder_prefix(start), folder_prefix(end)
    ref = await pin(lake, start)
    held = await lake.du(start.repository, ref, prefix=old_prefix)
    if held.object_count == 0:
        raise NotFoundError(f"nothing below '{start.below(old_prefix)}'")
    there = lake.iter_objects(end.repository, end.ref, prefix=new_prefix)
    tally = Tally()
    what = old_prefix.rstrip("/") or start.ref
    with TransferProgress(what, total_bytes=held.size_bytes) as progress:

        def path_of(found: ObjectStats) -> str:
            return new_prefix + found.path.removeprefix(old_prefix)

        async def wanted() -> AsyncGenerator[ObjectStats]:
            listing = lake.iter_objects(start.repository, ref, prefix=old_prefix)
            if start.at == end.at:
                # Else a copy into its own source would find its own results.
                listing = _replay([found async for found in listing])
            async for found, old in pair(listing, there, path_of):
                if old is not None and options.no_clobber:
                    tally.kept += 1
                elif old is not None and _is_same(old, found):
                    tally.unchanged += 1
                elif options.dry_run:
                    tell_dry_run(
                        options, start.below(found.path), end.below(path_of(found))
                    )
                    continue
                else:
                    tally.add(found.size_bytes or 0)
                    yield found
                progress.advance(found.size_bytes or 0)

        if start.repository == end.repository:
            pairs = ((found.path, path_of(found)) async for found in wanted())
            result = await lake.copy_objects(
                end.repository,
                end.ref,
                pairs,
                source_ref=ref,
                if_absent=options.no_clobber,
                jobs=options.jobs,
            )
            tally.copied -= len(result.kept)
            tally.kept += len(result.kept)
        else:
            await _carry(lake, start.below(ref), wanted(), end, path_of, options)
    if not options.dry_run:
        tally.tell("copied", options)


async def _carry(
    lake: AsyncClient,
    start: ObjectAddress,
    wanted: AsyncIterator[ObjectStats],
    end: ObjectAddress,
    path_of: Callable[[ObjectStats], str],
    options: CopyOptions,
) -> None:
    """Copy `wanted`, objects at the ref of `start`, to another repository."""
    from lakebed.client import NotFoundError, ObjectUpload

    async def uploads() -> AsyncGenerator[ObjectUpload]:
        async for some in batches(wanted, CARRY_COUNT):
            by_path = {found.path: found for found in some}
            async for content in lake.read_objects(
                start.repository, start.ref, paths=list(by_path)
            ):
                found = by_path[content.path]
                source = start.below(content.path)
                if content.is_missing:
                    raise NotFoundError(f"'{source}' was deleted while it was copied")
                if content.data is None:
                    await _copy_one(lake, source, end.below(path_of(found)), found)
                    continue
                yield ObjectUpload(
                    path_of(found),
                    content.data,
                    content_type=content.content_type,
                    metadata=content.metadata,
                )

    await lake.upload_objects(
        end.repository,
        end.ref,
        uploads(),
        if_absent=options.no_clobber,
        jobs=options.jobs,
    )


async def _replay(listing: list[ObjectStats]) -> AsyncGenerator[ObjectStats]:
    for found in listing:
        yield found


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

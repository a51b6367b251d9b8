"""Many objects at once: uploads and reads that share requests.

Files are read and hashed in threads, a batch at a time; several requests are on their way
at once; memory is bounded by a few bundles for each. Whatever is repeated does nothing
twice: the same bytes at the same path.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
    Sequence,
)
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ..errors import PreconditionFailedError
from ..transport import Call
from ..wire import BundleResult, BundleWish, bundle, routes
from .bundling import (
    BROKEN_OFF,
    FileChangedError,
    ObjectContent,
    ObjectUpload,
    iter_bundles,
    md5_of_file,
    open_bundle,
    pack,
)
from .downloading import FileWriter
from .objects import ObjectOperations
from .reading import RESUMES_MAX
from .uploading import Progress

T = TypeVar("T")

JOBS = 4
"""Requests at once. Two keep a core of ours and one of the server busy, the others wait
for the disk or the network meanwhile; each holds up to 12 MiB here."""

BATCH_COUNT = 1024
"""Objects of one batch: of 4 KiB, as many as fill a bundle."""

BATCH_BYTES = bundle.BUNDLE_BYTES_MAX - 256 * 1024
"""The rest is for the index: a quarter of a KiB for each of a thousand objects."""

COMMIT_HEADER = "X-Lakebed-Commit"


@dataclass(slots=True)
class UploadReport:
    """What became of many uploads."""

    uploaded: int = 0
    uploaded_bytes: int = 0
    unchanged: int = 0
    """Were there already with the same bytes."""
    kept: int = 0
    """Something was there, and `if_absent` said to keep it."""
    failed: list[tuple[ObjectUpload, OSError]] = field(
        default_factory=list[tuple[ObjectUpload, OSError]]
    )
    """Files that could not be read; all the others are there."""


@dataclass(frozen=True, slots=True)
class ObjectDownload:
    """One of many objects to download."""

    path: str
    target: Path


@dataclass(slots=True)
class DownloadReport:
    """What became of many downloads."""

    downloaded: int = 0
    downloaded_bytes: int = 0
    missing: list[str] = field(default_factory=list[str])
    """Paths where nothing was any more."""
    failed: list[tuple[ObjectDownload, OSError]] = field(
        default_factory=list[tuple[ObjectDownload, OSError]]
    )
    """Files that could not be written; all the others are there."""


class BulkOperations(ObjectOperations):
    """Upload and read many objects at once."""

    async def upload_objects(
        self,
        repository: str,
        branch: str,
        uploads: Iterable[ObjectUpload] | AsyncIterable[ObjectUpload],
        *,
        if_absent: bool = False,
        jobs: int = JOBS,
        progress: Progress | None = None,
    ) -> UploadReport:
        """Write all of `uploads` on `branch`, uncommitted; return what became of them.

        Small ones share requests, each staged as one; they are taken from `uploads` as
        they are needed. A file that cannot be read fails alone, and is in the report.

        Args:
            if_absent: keep what is there.
            jobs: requests at once.
            progress: told of the bytes of each object that is done, whatever became of
                it.

        Raises:
            NotFoundError: there is no such branch.
            ClientError: a request failed; what was sent before it is there.
        """
        run = _UploadRun(self, repository, branch, if_absent, progress)
        await run_batches(_batches(uploads, _upload_bytes), run.send, jobs)
        return run.report

    async def read_objects(
        self,
        repository: str,
        ref: str,
        *,
        paths: Sequence[str] | None = None,
        prefix: str = "",
    ) -> AsyncGenerator[ObjectContent]:
        """Yield many small objects with their bytes: `paths`, or all below `prefix`.

        All of them are of the commit that `ref` meant at the beginning, unless it is a
        branch with uncommitted changes.

        Raises:
            NotFoundError: there is no such ref.
            PreconditionFailedError: a connection broke off, and meanwhile `ref` moved.
        """
        wish = BundleWish(
            paths=None if paths is None else list(paths),
            prefix=prefix if paths is None else None,
        )
        async with aclosing(self.iter_bundled(repository, ref, wish)) as opened:
            async for objects in opened:
                for each in objects:
                    yield each

    async def download_objects(
        self,
        repository: str,
        ref: str,
        downloads: Iterable[ObjectDownload] | AsyncIterable[ObjectDownload],
        *,
        jobs: int = JOBS,
        progress: Progress | None = None,
    ) -> DownloadReport:
        """Write all of `downloads` into files; return what became of them.

        Each file appears under its name when it is whole. One that cannot be written
        fails alone, and is in the report.

        Raises:
            NotFoundError: there is no such ref.
            ClientError: a request failed; files that were written before it are there.
        """
        run = _DownloadRun(self, repository, ref, progress)
        await run_batches(_batches(downloads, lambda _: 0), run.fetch, jobs)
        return run.report

    async def iter_bundled(
        self, repository: str, ref: str, wish: BundleWish
    ) -> AsyncGenerator[list[ObjectContent]]:
        """Yield what `wish` asks for, as many at once as come together.

        A connection that breaks off is taken up where it stopped.
        """
        what = f"read objects of '{repository}/{ref}'"
        route = routes.fill(routes.REF_OBJECTS_BUNDLE, repository=repository, ref=ref)
        left = dict.fromkeys(wish.paths or ())
        commit_id: str | None = None
        resumes = 0
        while True:
            call = Call(what, "POST", route, body=wish, repeatable=True)
            response = await self._transport.start(call)
            try:
                came_from = response.headers.get(COMMIT_HEADER, "")
                if commit_id is not None and came_from != commit_id:
                    raise PreconditionFailedError(
                        f"cannot {what}: it moved while it was read"
                    )
                commit_id = came_from
                async for index, contents in iter_bundles(response, what):
                    objects = await asyncio.to_thread(
                        open_bundle, index, contents, what
                    )
                    yield objects
                    for each in objects:
                        left.pop(each.path, None)
                    if objects and wish.paths is None:
                        wish = BundleWish(prefix=wish.prefix, after=objects[-1].path)
                    resumes = 0
                return
            except BROKEN_OFF as error:
                resumes += 1
                if resumes > RESUMES_MAX:
                    raise self._transport.explain(what, error) from error
                if wish.paths is not None:
                    wish = BundleWish(paths=list(left))
            finally:
                response.close()

    async def send_bundle(
        self, repository: str, branch: str, data: bytes, *, if_absent: bool
    ) -> BundleResult:
        """Send a bundle of uploads and return what became of them."""
        call = Call(
            f"upload objects to '{repository}/{branch}'",
            "POST",
            routes.fill(routes.OBJECTS_BUNDLE, repository=repository, branch=branch),
            query=(("if_absent", "true"),) if if_absent else (),
            headers={"Content-Type": bundle.MEDIA_TYPE},
            stream=lambda: data,
            # Once more is the same bytes at the same path. Under `if_absent` it may find
            # its own first try and call that kept; what is there is the same.
            repeatable=True,
        )
        return await self._transport.fetch(call, BundleResult)


class _UploadRun:
    """One `upload_objects`."""

    def __init__(
        self,
        lake: BulkOperations,
        repository: str,
        branch: str,
        if_absent: bool,
        progress: Progress | None,
    ) -> None:
        self.report = UploadReport()
        self._lake = lake
        self._where = (repository, branch)
        self._if_absent = if_absent
        self._progress = progress

    async def send(self, batch: list[ObjectUpload]) -> None:
        """Upload what of `batch` is not there yet."""
        report = self.report
        packed = await asyncio.to_thread(pack, batch)
        report.unchanged += len(packed.unchanged)
        self._advance(packed.unchanged)
        self._fail(packed.failed)
        while packed.bundles:
            data, uploads = packed.bundles.pop(0)
            result = await self._lake.send_bundle(
                *self._where, data, if_absent=self._if_absent
            )
            del data
            kept = set(result.kept)
            report.kept += len(kept)
            report.uploaded += result.staged
            report.uploaded_bytes += sum(
                [each.known_bytes for each in uploads if each.path not in kept]
            )
            self._advance(uploads)
        for upload in packed.apart:
            await self._send_apart(upload)

    async def _send_apart(self, upload: ObjectUpload) -> None:
        source, report = upload.source, self.report
        before: os.stat_result | None = None
        sent_bytes = 0

        def count(size_bytes: int) -> None:
            nonlocal sent_bytes
            sent_bytes += size_bytes
            if self._progress is not None:
                self._progress(size_bytes)

        try:
            if isinstance(source, Path):
                before = await asyncio.to_thread(source.stat)
                if upload.there is not None and (
                    await asyncio.to_thread(md5_of_file, source) == upload.there
                ):
                    report.unchanged += 1
                    count(before.st_size)
                    return
            made = await self._lake.upload_object(
                *self._where,
                upload.path,
                source,
                content_type=upload.content_type or None,
                metadata=upload.metadata,
                if_absent=self._if_absent,
                progress=count,
            )
            if isinstance(source, Path) and before is not None:
                after = await asyncio.to_thread(source.stat)
                if (before.st_mtime_ns, before.st_size) != (
                    after.st_mtime_ns,
                    after.st_size,
                ):
                    raise FileChangedError(0, "changed while it was read")
        except PreconditionFailedError:
            report.kept += 1
            count(upload.known_bytes - sent_bytes)
        except OSError as error:
            self._fail([(upload, error)])
        else:
            report.uploaded += 1
            report.uploaded_bytes += made.size_bytes or 0

    def _fail(self, failed: Sequence[tuple[ObjectUpload, OSError]]) -> None:
        self.report.failed += failed
        self._advance([upload for upload, _ in failed])

    def _advance(self, uploads: Sequence[ObjectUpload]) -> None:
        if self._progress is not None and uploads:
            self._progress(sum([each.known_bytes for each in uploads]))


class _DownloadRun:
    """One `download_objects`."""

    def __init__(
        self,
        lake: BulkOperations,
        repository: str,
        ref: str,
        progress: Progress | None,
    ) -> None:
        self.report = DownloadReport()
        self._lake = lake
        self._where = (repository, ref)
        self._progress = progress
        self._writer = FileWriter()

    async def fetch(self, batch: list[ObjectDownload]) -> None:
        """Write the objects of `batch`."""
        by_path = {each.path: each for each in batch}
        wish = BundleWish(paths=list(by_path))
        apart: list[ObjectDownload] = []
        bundled = self._lake.iter_bundled(*self._where, wish)
        async with aclosing(bundled) as opened:
            async for objects in opened:
                await asyncio.to_thread(self._write, objects, by_path)
                if self._progress is not None:
                    self._progress(sum([len(each.data or b"") for each in objects]))
                for each in objects:
                    if each.is_missing:
                        self.report.missing.append(each.path)
                    elif each.data is None:
                        apart.append(by_path[each.path])
        for download in apart:
            try:
                await asyncio.to_thread(self._writer.make_folder, download.target)
                size_bytes = await self._lake.download_object(
                    *self._where,
                    download.path,
                    download.target,
                    progress=self._progress,
                )
            except OSError as error:
                self.report.failed.append((download, error))
            else:
                self.report.downloaded += 1
                self.report.downloaded_bytes += size_bytes

    def _write(
        self, objects: Sequence[ObjectContent], by_path: dict[str, ObjectDownload]
    ) -> None:
        report = self.report
        written = size_bytes = 0
        failed: list[tuple[ObjectDownload, OSError]] = []
        for each in objects:
            if each.data is None:
                continue
            download = by_path[each.path]
            try:
                self._writer.write(download.target, each.data)
            except OSError as error:
                failed.append((download, error))
            else:
                written += 1
                size_bytes += each.size_bytes
        with self._writer.lock:
            report.downloaded += written
            report.downloaded_bytes += size_bytes
            report.failed += failed


def _upload_bytes(upload: ObjectUpload) -> int:
    # What goes by itself is not held in memory.
    size_bytes = upload.known_bytes
    return size_bytes if size_bytes < bundle.APART_BYTES_MIN else 0


async def _batches(
    items: Iterable[T] | AsyncIterable[T], size_of: Callable[[T], int]
) -> AsyncGenerator[list[T]]:
    """Yield `items` in batches of about a bundle."""
    batch: list[T] = []
    left = BATCH_BYTES
    async for item in _aiter(items):
        size_bytes = size_of(item)
        if batch and (size_bytes > left or len(batch) == BATCH_COUNT):
            yield batch
            batch, left = [], BATCH_BYTES
        batch.append(item)
        left -= size_bytes
    if batch:
        yield batch


async def _aiter(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def run_batches(
    batches: AsyncGenerator[list[T]],
    work: Callable[[list[T]], Awaitable[None]],
    jobs: int,
) -> None:
    """Run `work` on every batch, `jobs` at a time; the first failure stops all.

    Batches are taken as they are needed.
    """
    taking = asyncio.Lock()

    async def take() -> list[T] | None:
        async with taking:
            return await anext(batches, None)

    async def drain() -> None:
        while (batch := await take()) is not None:
            await work(batch)

    async with aclosing(batches):
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(jobs, 1)):
                    group.create_task(drain())
        except BaseExceptionGroup as failures:
            # The first is what the others follow from.
            raise failures.exceptions[0] from None

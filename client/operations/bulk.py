"""Many objects at once: uploads and reads that share requests.

Files are read and hashed in threads, a batch at a time; several requests are on their way
at once; memory is bounded by a few bundles for each. Whatever is repeated does nothing
twice: the same bytes at the same path.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Sequence
from contextlib import aclosing

from ..transport import Call
from ..wire import (
    BundleResult,
    BundleWish,
    ObjectLink,
    ObjectLinks,
    bundle,
    routes,
)
from .batching import make_batches, run_batches
from .bulk_download import DownloadReport, DownloadRun, ObjectDownload, iter_bundled
from .bulk_upload import UploadReport, UploadRun
from .bundling import ObjectContent, ObjectUpload
from .objects import ObjectOperations
from .uploading import Progress

JOBS = 4
"""Requests at once. Two keep a core of ours and one of the server busy, the others wait
for the disk or the network meanwhile; each holds up to 12 MiB here."""


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
        run = UploadRun(self, self._transport, repository, branch, if_absent, progress)
        await run_batches(make_batches(uploads, _upload_bytes), run.send, jobs)
        return run.report

    async def copy_objects(
        self,
        repository: str,
        branch: str,
        pairs: Iterable[tuple[str, str]] | AsyncIterable[tuple[str, str]],
        *,
        source_ref: str | None = None,
        if_absent: bool = False,
        jobs: int = JOBS,
    ) -> BundleResult:
        """Write on `branch` what is at other paths; no bytes are moved.

        Args:
            pairs: each a path of `source_ref`, and the path on `branch`.
            source_ref: None means `branch` itself.
            if_absent: keep what is there.
            jobs: requests at once; each copies all of its objects or none.

        Raises:
            NotFoundError: there is no such branch, or nothing at a path.
        """
        staged, kept = 0, list[str]()
        route = routes.fill(routes.OBJECTS_LINK, repository=repository, branch=branch)

        async def link(batch: list[tuple[str, str]]) -> None:
            nonlocal staged
            sources, targets = {old for old, _ in batch}, {new for _, new in batch}
            links = [ObjectLink(src_path=old, dst_path=new) for old, new in batch]
            body = ObjectLinks(links=links, src_ref=source_ref, if_absent=if_absent)
            call = Call(
                f"copy {len(batch)} objects to '{repository}/{branch}'",
                "POST",
                route,
                body=body,
                # Else the second time might copy what the first has written.
                repeatable=source_ref not in (None, branch)
                or sources.isdisjoint(targets),
            )
            result = await self._transport.fetch(call, BundleResult)
            staged += result.staged
            kept.extend(result.kept)

        await run_batches(make_batches(pairs, lambda _: 0), link, jobs)
        return BundleResult(staged=staged, kept=kept)

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
        async with aclosing(
            iter_bundled(self._transport, repository, ref, wish)
        ) as opened:
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
        run = DownloadRun(self, self._transport, repository, ref, progress)
        await run_batches(make_batches(downloads, lambda _: 0), run.fetch, jobs)
        return run.report


def _upload_bytes(upload: ObjectUpload) -> int:
    # What goes by itself is not held in memory.
    size_bytes = upload.known_bytes
    return size_bytes if size_bytes < bundle.APART_BYTES_MIN else 0

"""Many objects read together, and written into files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from ..errors import DamagedDataError, PreconditionFailedError
from ..transport import Call, Transport
from ..wire import BundleWish, bundle, routes
from .bundling import BROKEN_OFF, ObjectContent, iter_bundles, open_bundle
from .downloading import FileWriter
from .objects import ObjectOperations
from .reading import RESUMES_MAX
from .uploading import Progress

COMMIT_HEADER = "X-Lakebed-Commit"


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
    failed: list[tuple[ObjectDownload, OSError | DamagedDataError]] = field(
        default_factory=list[tuple[ObjectDownload, OSError | DamagedDataError]]
    )
    """Files that could not be written, and objects that are damaged in the store; all the
    others are there."""


async def iter_bundled(
    transport: Transport, repository: str, ref: str, wish: BundleWish
) -> AsyncGenerator[list[ObjectContent]]:
    """Yield what `wish` asks for, as many at once as come together.

    Any number of paths is asked for in as many requests as they need. A connection that
    breaks off is taken up where it stopped.
    """
    what = f"read objects of '{repository}/{ref}'"
    route = routes.fill(routes.REF_OBJECTS_BUNDLE, repository=repository, ref=ref)
    left = dict.fromkeys(wish.paths or ())
    commit_id: str | None = None
    resumes = 0
    while True:
        if wish.paths is not None:
            wish = BundleWish(paths=list(islice(left, bundle.PATHS_MAX)))
        call = Call(what, "POST", route, body=wish, repeatable=True)
        response = await transport.start(call)
        try:
            came_from = response.headers.get(COMMIT_HEADER, "")
            if commit_id is not None and came_from != commit_id:
                raise PreconditionFailedError(
                    f"cannot {what}: it moved while it was read"
                )
            commit_id = came_from
            async for index, contents in iter_bundles(response, what):
                objects = await asyncio.to_thread(open_bundle, index, contents, what)
                yield objects
                for each in objects:
                    left.pop(each.path, None)
                if objects and wish.paths is None:
                    wish = BundleWish(prefix=wish.prefix, after=objects[-1].path)
                resumes = 0
            for path in wish.paths or ():
                left.pop(path, None)
            if not left:
                return
        except BROKEN_OFF as error:
            resumes += 1
            if resumes > RESUMES_MAX:
                raise transport.explain(what, error) from error
        finally:
            response.close()


class DownloadRun:
    """One `download_objects`."""

    def __init__(
        self,
        lake: ObjectOperations,
        transport: Transport,
        repository: str,
        ref: str,
        progress: Progress | None,
    ) -> None:
        self.report = DownloadReport()
        self._lake = lake
        self._transport = transport
        self._where = (repository, ref)
        self._progress = progress
        self._writer = FileWriter()

    async def fetch(self, batch: list[ObjectDownload]) -> None:
        """Write the objects of `batch`."""
        by_path = {each.path: each for each in batch}
        wish = BundleWish(paths=list(by_path))
        left = dict(by_path)
        apart: list[ObjectDownload] = []
        bundled = iter_bundled(self._transport, *self._where, wish)
        try:
            async with aclosing(bundled) as opened:
                async for objects in opened:
                    await asyncio.to_thread(self._write, objects, by_path)
                    if self._progress is not None:
                        self._progress(sum([len(each.data or b"") for each in objects]))
                    for each in objects:
                        del left[each.path]
                        if each.is_missing:
                            self.report.missing.append(each.path)
                        elif each.data is None:
                            apart.append(by_path[each.path])
        except DamagedDataError:
            apart += left.values()  # one by one, to see which of them are damaged
        for download in apart:
            try:
                await asyncio.to_thread(self._writer.make_folder, download.target)
                size_bytes = await self._lake.download_object(
                    *self._where,
                    download.path,
                    download.target,
                    progress=self._progress,
                )
            except (OSError, DamagedDataError) as error:
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

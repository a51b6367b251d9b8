"""One upload of many objects, and what became of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import PreconditionFailedError
from ..transport import Call, Transport
from ..wire import BundleResult, bundle, routes
from .bundling import FileChangedError, ObjectUpload, md5_of_file, pack
from .objects import ObjectOperations
from .uploading import Progress, read_upload


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


class UploadRun:
    """One `upload_objects`."""

    def __init__(
        self,
        lake: ObjectOperations,
        transport: Transport,
        repository: str,
        branch: str,
        if_absent: bool,
        progress: Progress | None,
    ) -> None:
        self.report = UploadReport()
        self._lake = lake
        self._transport = transport
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
            result = await self._send_bundle(data)
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

    async def _send_bundle(self, data: bytes) -> BundleResult:
        repository, branch = self._where
        call = Call(
            f"upload objects to '{repository}/{branch}'",
            "POST",
            routes.fill(routes.OBJECTS_BUNDLE, repository=repository, branch=branch),
            query=(("if_absent", "true"),) if self._if_absent else (),
            headers={
                "Content-Type": bundle.MEDIA_TYPE,
                "Content-Length": str(len(data)),
            },
            stream=read_upload(data, None).make,
            # Once more is the same bytes at the same path. Under `if_absent` it may find
            # its own first try and call that kept; what is there is the same.
            repeatable=True,
        )
        return await self._transport.fetch(call, BundleResult)

    def _fail(self, failed: Sequence[tuple[ObjectUpload, OSError]]) -> None:
        self.report.failed += failed
        self._advance([upload for upload, _ in failed])

    def _advance(self, uploads: Sequence[ObjectUpload]) -> None:
        if self._progress is not None and uploads:
            self._progress(sum([each.known_bytes for each in uploads]))

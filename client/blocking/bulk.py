"""Many objects at once, without `await`: see `operations/bulk.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..operations.bulk import JOBS
from ..operations.bulk_download import DownloadReport, ObjectDownload
from ..operations.bulk_upload import UploadReport
from ..operations.bundling import ObjectContent, ObjectUpload
from ..operations.uploading import Progress
from ..wire import BundleResult
from .objects import BlockingObjectOperations


class BlockingBulkOperations(BlockingObjectOperations):
    """Upload and read many objects at once."""

    def upload_objects(
        self,
        repository: str,
        branch: str,
        uploads: Iterable[ObjectUpload],
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
        return self._loop.run(
            self._lake.upload_objects(
                repository,
                branch,
                uploads,
                if_absent=if_absent,
                jobs=jobs,
                progress=progress,
            )
        )

    def copy_objects(
        self,
        repository: str,
        branch: str,
        pairs: Iterable[tuple[str, str]],
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
        return self._loop.run(
            self._lake.copy_objects(
                repository,
                branch,
                pairs,
                source_ref=source_ref,
                if_absent=if_absent,
                jobs=jobs,
            )
        )

    def read_objects(
        self,
        repository: str,
        ref: str,
        *,
        paths: Sequence[str] | None = None,
        prefix: str = "",
    ) -> Iterator[ObjectContent]:
        """Yield many small objects with their bytes: `paths`, or all below `prefix`.

        All of them are of the commit that `ref` meant at the beginning, unless it is a
        branch with uncommitted changes.

        Raises:
            NotFoundError: there is no such ref.
            PreconditionFailedError: a connection broke off, and meanwhile `ref` moved.
        """
        return self._loop.iterate(
            self._lake.read_objects(repository, ref, paths=paths, prefix=prefix)
        )

    def download_objects(
        self,
        repository: str,
        ref: str,
        downloads: Iterable[ObjectDownload],
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
        return self._loop.run(
            self._lake.download_objects(
                repository, ref, downloads, jobs=jobs, progress=progress
            )
        )

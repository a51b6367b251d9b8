"""Everything below a prefix, without `await`: see `operations/folders.py`."""

from __future__ import annotations

from pathlib import Path

from ..operations.bulk import JOBS
from ..operations.uploading import Expect, Progress
from .bulk import BlockingBulkOperations


class BlockingFolderOperations(BlockingBulkOperations):
    """Download what lies below a prefix."""

    def download_folder(
        self,
        repository: str,
        ref: str,
        prefix: str,
        to: Path,
        *,
        parallel: int = JOBS,
        progress: Progress | None = None,
        expect: Expect | None = None,
    ) -> int:
        """Write every object below `prefix` into the folder `to`; return their size.

        Of a model, an alias is read as the version that it is at now.

        Raises:
            InvalidRequestError: a path cannot be that of a file below `to`.
            OSError: a file cannot be written; the others are there.
        """
        return self._loop.run(
            self._lake.download_folder(
                repository,
                ref,
                prefix,
                to,
                parallel=parallel,
                progress=progress,
                expect=expect,
            )
        )

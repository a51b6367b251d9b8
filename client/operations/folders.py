"""Everything below a prefix, into a folder.

A name that comes from data decides where we write: one that would leave the folder, or
goes through a link in it, is refused before anything is written.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from ..errors import InvalidRequestError
from .bulk import JOBS, BulkOperations
from .bulk_download import ObjectDownload
from .fixing import fix_ref
from .uploading import Expect, Progress


class FolderOperations(BulkOperations):
    """Download what lies below a prefix."""

    async def download_folder(
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
        ref = await fix_ref(self._transport, repository, ref)
        if expect is not None:
            expect((await self.du(repository, ref, prefix=prefix)).size_bytes)

        async def downloads() -> AsyncGenerator[ObjectDownload]:
            async for found in self.iter_objects(repository, ref, prefix=prefix):
                if found.path != prefix:
                    name = found.path[len(prefix) :]
                    yield ObjectDownload(found.path, target_of(to, name))

        report = await self.download_objects(
            repository, ref, downloads(), jobs=parallel, progress=progress
        )
        if report.failed:
            raise report.failed[0][1]
        return report.downloaded_bytes


def target_of(folder: Path, name: str) -> Path:
    """Return where below `folder` the object `name` is written.

    Raises:
        InvalidRequestError: the name would leave the folder, or is none for a file.
    """
    parts = name.split("/")
    if "\0" in name or any(part in ("", ".", "..") for part in parts):
        raise InvalidRequestError(
            f"object '{name}' cannot be a file below '{folder}': its path has an empty "
            "part, '.' or '..'"
        )
    place = folder
    for part in parts:
        place /= part
        # A link in the way would lead out of the folder just as well.
        if place.is_symlink():
            raise InvalidRequestError(
                f"object '{name}' cannot be written: '{place}' is a link"
            )
    return place

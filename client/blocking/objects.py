"""Objects at a ref, without `await`: see `operations/objects.py`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from ..operations.pinning import PinnedObject
from ..operations.uploading import Expect, Progress
from ..wire import Du, Measured, ObjectError, ObjectStats, Proof
from .operations import BlockingOperations
from .streams import BlockingObjectStream, BlockingUpload, as_upload, open_blocking


class BlockingObjectOperations(BlockingOperations):
    """List, read, write, copy, move and delete objects."""

    def iter_objects(
        self,
        repository: str,
        ref: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        limit: int | None = None,
    ) -> Iterator[ObjectStats]:
        """Yield what lies at `ref` below `prefix`, in path order.

        With a delimiter, paths that have it after the prefix come together as one
        common prefix.
        """
        return self._loop.iterate(
            self._lake.iter_objects(
                repository,
                ref,
                prefix=prefix,
                delimiter=delimiter,
                after=after,
                limit=limit,
            )
        )

    def stat_object(self, repository: str, ref: str, path: str) -> ObjectStats:
        """Return what is known of the object at `path`.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.stat_object(repository, ref, path))

    def pin_object(self, repository: str, ref: str, path: str) -> PinnedObject:
        """Return the version of the object that is at `path` now, to read parts of it.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.pin_object(repository, ref, path))

    def read_pinned(
        self, pinned: PinnedObject, *, start: int = 0, end: int | None = None
    ) -> bytes:
        """Return the bytes of `pinned` from `start` up to `end`; none past its end.

        Raises:
            PreconditionFailedError: that version is not there any more.
        """
        return self._loop.run(self._lake.read_pinned(pinned, start=start, end=end))

    def read_object(
        self,
        repository: str,
        ref: str,
        path: str,
        *,
        start: int = 0,
        end: int | None = None,
    ) -> bytes:
        """Return the bytes of the object at `path`, from `start` up to `end`.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: `start` is past its end.
        """
        return self._loop.run(
            self._lake.read_object(repository, ref, path, start=start, end=end)
        )

    def open_object(
        self,
        repository: str,
        ref: str,
        path: str,
        *,
        start: int = 0,
        end: int | None = None,
    ) -> AbstractContextManager[BlockingObjectStream]:
        """Give the object at `path` as a stream, in a `with` statement.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: `start` is past its end.
        """
        return open_blocking(
            self._loop,
            self._lake.open_object(repository, ref, path, start=start, end=end),
        )

    def download_object(
        self,
        repository: str,
        ref: str,
        path: str,
        to: Path,
        *,
        parallel: int = 1,
        progress: Progress | None = None,
        expect: Expect | None = None,
    ) -> int:
        """Write the object at `path` to the file `to`; return its size.

        The file appears under its name when it is whole; a stop before that leaves
        what was there. Of a large object that comes in several requests, what has come
        stays beside the file, and repeating the download goes on from there.

        Args:
            parallel: requests at once, for objects of more than one piece.
            progress: told of the bytes that came, since the last time.
            expect: told once how many bytes there are.

        Raises:
            NotFoundError: there is none.
            OSError: the file cannot be written.
        """
        return self._loop.run(
            self._lake.download_object(
                repository,
                ref,
                path,
                to,
                parallel=parallel,
                progress=progress,
                expect=expect,
            )
        )

    def upload_object(
        self,
        repository: str,
        branch: str,
        path: str,
        body: BlockingUpload,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        progress: Progress | None = None,
        expect: Expect | None = None,
    ) -> ObjectStats:
        """Write `body` to `path` on `branch`, uncommitted.

        Args:
            expect: told how many bytes there are, if that is known.
            if_absent: only if there is nothing at `path`.
            if_match: only if the object at `path` has this ETag.

        Raises:
            NotFoundError: there is no such branch.
            PreconditionFailedError: the condition does not hold.
            OSError: `body` is a file that cannot be read.
        """
        return self._loop.run(
            self._lake.upload_object(
                repository,
                branch,
                path,
                as_upload(body),
                content_type=content_type,
                metadata=metadata,
                if_absent=if_absent,
                if_match=if_match,
                progress=progress,
                expect=expect,
            )
        )

    def delete_object(self, repository: str, branch: str, path: str) -> None:
        """Delete the object at `path` on `branch`, uncommitted; nothing there is fine."""
        self._loop.run(self._lake.delete_object(repository, branch, path))

    def delete_objects(
        self, repository: str, branch: str, paths: Iterable[str]
    ) -> list[ObjectError]:
        """Delete the objects at `paths`, a thousand at a time; return what failed."""
        return self._loop.run(self._lake.delete_objects(repository, branch, paths))

    def copy_object(
        self,
        repository: str,
        branch: str,
        path: str,
        *,
        source_path: str,
        source_ref: str | None = None,
    ) -> ObjectStats:
        """Write to `path` on `branch` what is at `source_path`; no bytes are moved.

        Without `source_ref` the source is on the same branch.

        Raises:
            NotFoundError: there is no such source.
        """
        return self._loop.run(
            self._lake.copy_object(
                repository, branch, path, source_path=source_path, source_ref=source_ref
            )
        )

    def move_objects(
        self,
        repository: str,
        branch: str,
        source: str,
        destination: str,
        *,
        recursive: bool = False,
    ) -> int:
        """Give the object at `source` the path `destination`; return how many moved.

        With `recursive` both are prefixes, and everything below moves at once.

        Raises:
            NotFoundError: there is nothing at `source`.
        """
        return self._loop.run(
            self._lake.move_objects(
                repository, branch, source, destination, recursive=recursive
            )
        )

    def measure_many(
        self, repository: str, places: Iterable[tuple[str, str]]
    ) -> list[Measured]:
        """Return objects and bytes of many places, each a ref and a prefix, in their order.

        What cannot be said of one has a `code` and a `message` in its place. Each
        thousand is read from one state.
        """
        return self._loop.run(self._lake.measure_many(repository, places))

    def prove(self, repository: str, ref: str, path: str) -> Proof:
        """Return the proof of what is committed at `path` of `ref`, not checked yet.

        `proofs.verify_answer` checks it, and asks nobody.
        """
        return self._loop.run(self._lake.prove(repository, ref, path))

    def du(self, repository: str, ref: str, *, prefix: str = "") -> Du:
        """Return how many objects and bytes lie at `ref` below `prefix`."""
        return self._loop.run(self._lake.du(repository, ref, prefix=prefix))

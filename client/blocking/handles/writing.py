# Made from client/handles/writing.py by `python3 tasks.py blocking`: change that one.
"""What can be written where there is a staging area: a branch, or a transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, overload

from ... import wire
from ...errors import ServerError
from ...files import check_mode
from ...operations.uploading import Tally, Watch
from ...values import Change, ObjectInfo
from .listing import Listing
from .opening import File, read_file, write_file
from .ref import Ref
from .uploads import Upload, check_upload


class Writable(Ref):
    """A ref with a staging area: what is written is seen there, and not committed."""

    def upload(
        self,
        path: str,
        data: Upload,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        progress: Watch | None = None,
    ) -> ObjectInfo:
        """Write `data` to `path`, in place of what is there.

        Args:
            data: bytes, a `Path`, a file that is open in binary, or pieces of bytes.
            if_absent: only if there is nothing at `path`.
            if_match: only if the object at `path` has this ETag.
            progress: called with the bytes that are sent, and all of them if known. It
                runs on the thread of the client.

        Raises:
            NotFoundError: there is no such branch.
            PreconditionFailedError: the condition does not hold.
            OSError: a file cannot be read.
        """
        tally = Tally(progress)
        body = self._client.upload_object(
            self.repository.name,
            self.name,
            path,
            check_upload(data),
            content_type=content_type,
            metadata=metadata,
            if_absent=if_absent,
            if_match=if_match,
            progress=tally.add if progress is not None else None,
            expect=tally.expect if progress is not None else None,
        )
        return ObjectInfo.of(body)

    def write_text(self, path: str, text: str, encoding: str = "utf-8") -> ObjectInfo:
        """Write `text` to `path`."""
        content_type = f"text/plain; charset={encoding}"
        return self.upload(path, text.encode(encoding), content_type=content_type)

    @overload
    def open(
        self,
        path: str,
        mode: Literal["r", "rt", "w", "wt", "x", "xt"] = "r",
        *,
        encoding: str | None = None,
        newline: str | None = None,
        content_type: str | None = None,
    ) -> File[str]: ...

    @overload
    def open(
        self,
        path: str,
        mode: Literal["rb", "wb", "xb"],
        *,
        encoding: str | None = None,
        newline: str | None = None,
        content_type: str | None = None,
    ) -> File[bytes]: ...

    def open(
        self,
        path: str,
        mode: str = "r",
        *,
        encoding: str | None = None,
        newline: str | None = None,
        content_type: str | None = None,
    ) -> File[Any]:
        """Open the object at `path` as a file: to read, or to write (`w`, `x`).

        What is written is uploaded when the file is closed, all at once. If an error
        leaves the `with` nothing is. `x` fails if there is an object at `path`.

        Raises:
            NotFoundError: there is no such object to read.
        """
        checked = check_mode(mode, may_write=True, name=path)
        where = (self._client, self.repository.name, self.name, path, checked, encoding)
        if "r" in mode:
            return read_file(*where)
        return write_file(*where, newline, content_type)

    def delete(self, path: str | Iterable[str]) -> None:
        """Delete the object at `path`, or those at several paths; none there is fine.

        Raises:
            ServerError: some of several could not be deleted.
        """
        if isinstance(path, str):
            self._client.delete_object(self.repository.name, self.name, path)
            return
        errors = self._client.delete_objects(self.repository.name, self.name, path)
        if errors:
            raise ServerError(
                f"cannot delete '{errors[0].path}' from '{self._title}', and "
                f"{len(errors) - 1} more: {errors[0].message}",
                status=errors[0].status_code,
            )

    def delete_prefix(self, prefix: str) -> None:
        """Delete every object below `prefix`."""
        found = self.objects(prefix).collect()
        self.delete([each.path for each in found])

    def copy(
        self, source: str, destination: str, *, source_ref: Ref | str | None = None
    ) -> ObjectInfo:
        """Write to `destination` what is at `source`, here or at `source_ref`.

        No bytes are copied.

        Raises:
            NotFoundError: there is nothing at `source`.
        """
        body = self._client.copy_object(
            self.repository.name,
            self.name,
            destination,
            source_path=source,
            source_ref=str(source_ref) if source_ref is not None else None,
        )
        return ObjectInfo.of(body)

    def move(self, source: str, destination: str, *, recursive: bool = False) -> int:
        """Give the object at `source` the path `destination`; return how many moved.

        With `recursive` both are prefixes, and everything below moves at once.

        Raises:
            NotFoundError: there is nothing at `source`.
        """
        return self._client.move_objects(
            self.repository.name, self.name, source, destination, recursive=recursive
        )

    def uncommitted(
        self, prefix: str = "", *, limit: int | None = None
    ) -> Listing[Change]:
        """List what a commit would change, in path order."""

        def ask(most: int | None) -> Iterator[wire.Diff]:
            return self._client.iter_uncommitted(
                self.repository.name, self.name, prefix=prefix, limit=most
            )

        title = f"uncommitted on {self._title}"
        return Listing(title, ask, Change.of, limit=limit)

    def reset(self, *, path: str | None = None, prefix: str | None = None) -> None:
        """Throw away what is not committed: at `path`, below `prefix`, or all of it."""
        self._client.reset_branch(
            self.repository.name, self.name, path=path, prefix=prefix
        )

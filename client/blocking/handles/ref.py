# Made from client/handles/ref.py by `python3 tasks.py blocking`: change that one.
"""What can be read at a ref: objects, history, differences; and a tag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from ... import tables, wire
from ...errors import NotFoundError
from ...files import check_mode
from ...operations.uploading import Tally, Watch
from ...proofs import Proof, verify_answer
from ...values import Change, Commit, Conflict, Move, ObjectInfo, Size
from ...wire import DiffMode, MergeStrategy, Resolution
from .listing import Listing
from .opening import File, read_file

if TYPE_CHECKING:
    from .repository import Repository

PARALLEL = 8
"""Requests at once for a large object or many small ones."""


class Ref:
    """Where a ref expression points to, whether or not there is such a thing.

    A branch, a tag, a commit id or its beginning, or an expression: `main~2`, `main@`
    (without what is staged), `main@{2026-11-01T12:00Z}` (where it pointed then).
    """

    _kind = "ref"

    def __init__(self, repository: Repository, name: str) -> None:
        self.repository = repository
        self.name = name
        self._client = repository.lake.client

    @property
    def uri(self) -> str:
        """The address, `lakebed://REPOSITORY/REF/`."""
        return f"lakebed://{self.repository.name}/{self.name}/"

    def head(self) -> Commit:
        """Return the commit that it points to.

        Raises:
            NotFoundError: it points to none.
        """
        body = self._client.get_commit(self.repository.name, self.name)
        return Commit.of(body)

    def commit_id(self) -> str:
        """Return the id of the commit that it points to.

        Raises:
            NotFoundError: it points to none.
        """
        return (self.head()).id

    def log(
        self,
        *,
        paths: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        first_parent: bool = False,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Listing[Commit]:
        """List the commits that led here, newest first.

        With `paths` or `prefixes` only those that changed one of them.
        """

        def ask(most: int | None) -> Iterator[wire.Commit]:
            return self._client.iter_log(
                self.repository.name,
                self.name,
                paths=paths,
                prefixes=prefixes,
                first_parent=first_parent,
                since=since,
                limit=most,
            )

        return Listing(f"log of {self._title}", ask, Commit.of, limit=limit)

    def objects(
        self, prefix: str = "", *, delimiter: str = "", limit: int | None = None
    ) -> Listing[ObjectInfo]:
        """List the objects below `prefix`, in path order.

        With a delimiter (`/`), paths that have it after the prefix come as one prefix.
        """

        def ask(most: int | None) -> Iterator[wire.ObjectStats]:
            return self._client.iter_objects(
                self.repository.name,
                self.name,
                prefix=prefix,
                delimiter=delimiter,
                limit=most,
            )

        title = f"objects at {self._title}/{prefix}"
        return Listing(title, ask, ObjectInfo.of, limit=limit)

    def diff(
        self,
        other: Ref | str,
        *,
        mode: DiffMode = "two_dot",
        prefix: str = "",
        delimiter: str = "",
        limit: int | None = None,
    ) -> Listing[Change]:
        """List what is different at `other`, seen from here, in path order.

        Args:
            mode: `three_dot` leaves out what was changed here since the two parted.
        """

        def ask(most: int | None) -> Iterator[wire.Diff]:
            return self._client.iter_diff(
                self.repository.name,
                self.name,
                str(other),
                mode=mode,
                prefix=prefix,
                delimiter=delimiter,
                limit=most,
            )

        title = f"from {self.name} to {other} in {self.repository.name}"
        return Listing(title, ask, Change.of, limit=limit)

    def stat(self, path: str) -> ObjectInfo:
        """Return what is known of the object at `path`.

        Raises:
            NotFoundError: there is none.
        """
        body = self._client.stat_object(self.repository.name, self.name, path)
        return ObjectInfo.of(body)

    def exists(self, path: str | None = None) -> bool:
        """Return whether there is an object at `path`; without `path`, whether there is this.

        A branch that is none but a tag of that name is not there, and the reverse.
        """
        try:
            if path is None:
                self._look_up()
            else:
                self.stat(path)
        except NotFoundError:
            return False
        return True

    def du(self, prefix: str = "") -> Size:
        """Return how many objects and bytes lie below `prefix`."""
        body = self._client.du(self.repository.name, self.name, prefix=prefix)
        return Size(body.prefix, body.object_count, body.size_bytes)

    def prove(self, path: str) -> Proof:
        """Return a proof of what is committed at `path`, checked.

        It shows anybody who has the id of the commit which object lies there, or that
        none does, without this server: keep `document`, and see `verify_proof`. It holds
        the paths of neighbours too.

        Raises:
            InvalidProofError: what the server answers proves nothing.
            NotFoundError: there is no such commit.
        """
        body = self._client.prove(self.repository.name, self.name, path)
        return verify_answer(body, self.name, path)

    def read(self, path: str, *, start: int = 0, end: int | None = None) -> bytes:
        """Return the bytes of the object at `path`, from `start` up to `end`.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: `start` is past its end.
        """
        return self._client.read_object(
            self.repository.name, self.name, path, start=start, end=end
        )

    def read_text(self, path: str, encoding: str = "utf-8") -> str:
        """Return the object at `path` as text."""
        return (self.read(path)).decode(encoding)

    @overload
    def open(
        self,
        path: str,
        mode: Literal["r", "rt"] = "r",
        *,
        encoding: str | None = None,
    ) -> File[str]: ...

    @overload
    def open(
        self, path: str, mode: Literal["rb"], *, encoding: str | None = None
    ) -> File[bytes]: ...

    def open(
        self, path: str, mode: str = "r", *, encoding: str | None = None
    ) -> File[Any]:
        """Open the object at `path` as a file to read (`r` text, `rb` bytes).

        It can seek, fetches what is read and no more than a little ahead, and is one
        version of the object, whatever happens to the branch meanwhile.

        Raises:
            NotFoundError: there is none.
        """
        checked = check_mode(mode, may_write=False, name=path)
        return read_file(
            self._client, self.repository.name, self.name, path, checked, encoding
        )

    def download(
        self,
        path: str,
        to: str | Path,
        *,
        parallel: int = PARALLEL,
        progress: Watch | None = None,
    ) -> int:
        """Write objects into files; return how many bytes they have.

        A `path` that is empty or ends with `/` is a prefix: everything below it goes
        below the folder `to`. Files appear when they are whole; what came of a large
        one stays beside it, and repeating the download goes on from there.

        Args:
            to: the file, or a folder that is there.
            parallel: requests at once.
            progress: called with the bytes that are done, and all of them. It runs on
                the thread of the client.

        Raises:
            NotFoundError: there is no such object.
            OSError: a file cannot be written.
        """
        tally, to = Tally(progress), Path(to)
        if path and not path.endswith("/"):
            return self._client.download_object(
                self.repository.name,
                self.name,
                path,
                to / path.rpartition("/")[2] if to.is_dir() else to,
                parallel=parallel,
                progress=tally.add,
                expect=tally.expect,
            )
        return self._client.download_folder(
            self.repository.name,
            self.name,
            path,
            to,
            parallel=parallel,
            progress=tally.add,
            expect=tally.expect,
        )

    def merge_into(
        self,
        branch: Ref | str,
        *,
        message: str | None = None,
        metadata: Mapping[str, str] | None = None,
        strategy: MergeStrategy | None = None,
        resolutions: Mapping[str, Resolution] | None = None,
        squash: bool = False,
    ) -> str:
        """Merge what is here into `branch`; return the id of its new commit.

        Args:
            strategy: which side wins every conflict: `source-wins` is what is here.
            resolutions: what single conflicting paths shall be: `source`,
                `destination`, `base` or `delete`. They come before `strategy`.
            squash: one commit with one parent, as if it was all done there.

        Raises:
            MergeConflictError: both changed a path; `conflicts` lists what is open, and
                nothing has happened.
            NothingToCommitError: there is nothing to merge.
        """
        return self._client.merge(
            self.repository.name,
            self.name,
            str(branch),
            message=message,
            metadata=metadata,
            strategy=strategy,
            resolutions=resolutions,
            squash=squash,
        )

    def conflicts_with(
        self, branch: Ref | str, *, prefix: str = "", limit: int | None = None
    ) -> Listing[Conflict]:
        """List every path that a merge into `branch` conflicts at, in path order.

        Nothing is merged. A refused merge says the first thousand.
        """

        def ask(most: int | None) -> Iterator[wire.Conflict]:
            return self._client.iter_conflicts(
                self.repository.name,
                self.name,
                str(branch),
                prefix=prefix,
                limit=most,
            )

        title = f"conflicts of {self.name} with {branch} in {self.repository.name}"
        return Listing(title, ask, Conflict.of, limit=limit)

    def _look_up(self) -> None:
        """Raise NotFoundError if there is no such thing."""
        self.head()

    def _reflog(self, limit: int | None) -> Listing[Move]:
        def ask(most: int | None) -> Iterator[wire.RefLogEntry]:
            return self._client.iter_ref_log(
                self.repository.name, self.name, limit=most
            )

        return Listing(f"moves of {self._title}", ask, Move.of, limit=limit)

    @property
    def _title(self) -> str:
        return f"{self.repository.name}/{self.name}"

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.repository, self.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ref):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[object, ...]:
        return self._kind, self.repository, self.name

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<{self._kind} '{self._title}' of {self.repository.lake.server}>"

    def _repr_html_(self) -> str:
        return tables.facts(
            f"{self._kind} {self.name}",
            [
                ("repository", self.repository.name),
                ("server", self.repository.lake.server),
                ("address", self.uri),
            ],
        )


class Tag(Ref):
    """A tag by name: the same version for ever."""

    _kind = "tag"

    def reflog(self, *, limit: int | None = None) -> Listing[Move]:
        """List the moves of this name, newest first: made, deleted, made again."""
        return self._reflog(limit)

    def _look_up(self) -> None:
        self._client.get_tag(self.repository.name, self.name)

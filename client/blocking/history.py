"""Commits and what is done with them, without `await`: see `operations/history.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from ..wire import (
    Blame,
    Commit,
    Conflict,
    Diff,
    DiffMode,
    MergeBase,
    MergeStrategy,
    PathType,
    Resolution,
)
from .operations import BlockingOperations


class BlockingHistoryOperations(BlockingOperations):
    """Commit, look back, compare, merge, take back."""

    def commit(
        self,
        repository: str,
        branch: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        date: datetime | None = None,
        allow_empty: bool = False,
    ) -> Commit:
        """Make a commit of the uncommitted changes of `branch`.

        Raises:
            NothingToCommitError: there are none, and `allow_empty` is not set.
        """
        return self._loop.run(
            self._lake.commit(
                repository,
                branch,
                message,
                metadata=metadata,
                date=date,
                allow_empty=allow_empty,
            )
        )

    def get_commit(self, repository: str, ref: str) -> Commit:
        """Return the commit that `ref`, any ref expression, resolves to.

        Raises:
            NotFoundError: it resolves to none.
        """
        return self._loop.run(self._lake.get_commit(repository, ref))

    def iter_log(
        self,
        repository: str,
        ref: str,
        *,
        paths: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        first_parent: bool = False,
        since: datetime | None = None,
        stop_at: str | None = None,
        limit: int | None = None,
    ) -> Iterator[Commit]:
        """Yield the commits that led to `ref`, newest first.

        With `paths` or `prefixes` only those that changed one of them.
        """
        return self._loop.iterate(
            self._lake.iter_log(
                repository,
                ref,
                paths=paths,
                prefixes=prefixes,
                first_parent=first_parent,
                since=since,
                stop_at=stop_at,
                limit=limit,
            )
        )

    def iter_blame(
        self,
        repository: str,
        ref: str,
        *,
        path: str = "",
        path_type: PathType = "object",
        prefix: str = "",
        delimiter: str = "",
        limit: int | None = None,
    ) -> Iterator[Blame]:
        """Yield what is committed at `ref`, each with the commit that last changed it.

        In path order; `path` names one object, or with that `path_type` one prefix;
        otherwise all below `prefix`, rolled up at `delimiter`. Where `is_found` is false, the server gave up at the commit: ask
        again with that one as the ref.
        """
        return self._loop.iterate(
            self._lake.iter_blame(
                repository,
                ref,
                path=path,
                path_type=path_type,
                prefix=prefix,
                delimiter=delimiter,
                limit=limit,
            )
        )

    def iter_diff(
        self,
        repository: str,
        left: str,
        right: str,
        *,
        mode: DiffMode = "two_dot",
        prefix: str = "",
        delimiter: str = "",
        with_left_size: bool = False,
        limit: int | None = None,
    ) -> Iterator[Diff]:
        """Yield what is different at `right`, seen from `left`, in path order.

        `with_left_size` asks how large each object was before.
        """
        return self._loop.iterate(
            self._lake.iter_diff(
                repository,
                left,
                right,
                mode=mode,
                prefix=prefix,
                delimiter=delimiter,
                with_left_size=with_left_size,
                limit=limit,
            )
        )

    def iter_uncommitted(
        self,
        repository: str,
        branch: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        with_left_size: bool = False,
        limit: int | None = None,
    ) -> Iterator[Diff]:
        """Yield what a commit of `branch` would change, in path order.

        `with_left_size` asks how large each object is at the head.
        """
        return self._loop.iterate(
            self._lake.iter_uncommitted(
                repository,
                branch,
                prefix=prefix,
                delimiter=delimiter,
                with_left_size=with_left_size,
                limit=limit,
            )
        )

    def merge(
        self,
        repository: str,
        source: str,
        destination: str,
        *,
        message: str | None = None,
        metadata: Mapping[str, str] | None = None,
        strategy: MergeStrategy | None = None,
        resolutions: Mapping[str, Resolution] | None = None,
        squash: bool = False,
        allow_empty: bool = False,
    ) -> str:
        """Merge `source` into the branch `destination`; return its new commit id.

        `resolutions` say what single conflicting paths shall be, `strategy` the rest.

        Raises:
            MergeConflictError: both changed a path; `conflicts` lists what is open.
            NothingToCommitError: there is nothing to merge.
        """
        return self._loop.run(
            self._lake.merge(
                repository,
                source,
                destination,
                message=message,
                metadata=metadata,
                strategy=strategy,
                resolutions=resolutions,
                squash=squash,
                allow_empty=allow_empty,
            )
        )

    def iter_conflicts(
        self,
        repository: str,
        source: str,
        destination: str,
        *,
        prefix: str = "",
        limit: int | None = None,
    ) -> Iterator[Conflict]:
        """Yield every path that a merge of `source` into `destination` conflicts at.

        In path order, however many; nothing is merged.
        """
        return self._loop.iterate(
            self._lake.iter_conflicts(
                repository, source, destination, prefix=prefix, limit=limit
            )
        )

    def find_merge_base(
        self, repository: str, source: str, destination: str
    ) -> MergeBase:
        """Return where `source` and `destination` parted."""
        return self._loop.run(
            self._lake.find_merge_base(repository, source, destination)
        )

    def revert(
        self,
        repository: str,
        branch: str,
        ref: str,
        *,
        parent_number: int = 0,
        message: str | None = None,
        allow_empty: bool = False,
    ) -> None:
        """Take back on `branch`, with a new commit, what the commit of `ref` changed.

        Args:
            parent_number: of a merge, the parent, from 1, whose line to keep.

        Raises:
            ConflictError: a merge without `parent_number`, or what it changed has
                been changed since.
        """
        self._loop.run(
            self._lake.revert(
                repository,
                branch,
                ref,
                parent_number=parent_number,
                message=message,
                allow_empty=allow_empty,
            )
        )

    def cherry_pick(
        self,
        repository: str,
        branch: str,
        ref: str,
        *,
        parent_number: int | None = None,
        message: str | None = None,
    ) -> Commit:
        """Make on `branch` what the commit of `ref` changed, as a new commit.

        Args:
            parent_number: of a merge, the parent, from 1, to measure the change from.

        Raises:
            ConflictError: a merge without `parent_number`, or both changed a path.
        """
        return self._loop.run(
            self._lake.cherry_pick(
                repository, branch, ref, parent_number=parent_number, message=message
            )
        )

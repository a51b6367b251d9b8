"""Branches, tags and their log, without `await`: see `operations/refs.py`."""

from __future__ import annotations

from collections.abc import Iterator

from ..wire import Ref, RefLogEntry
from .operations import BlockingOperations


class BlockingRefOperations(BlockingOperations):
    """Make, move, find and delete refs."""

    def create_branch(
        self, repository: str, name: str, *, source: str, hidden: bool = False
    ) -> Ref:
        """Create the branch `name` at the commit of `source`, any ref expression.

        Raises:
            ConflictError: a branch or tag has that name.
            NotFoundError: there is no `repository` or no `source`.
        """
        return self._loop.run(
            self._lake.create_branch(repository, name, source=source, hidden=hidden)
        )

    def get_branch(self, repository: str, name: str) -> Ref:
        """Return the branch `name`.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.get_branch(repository, name))

    def iter_branches(
        self,
        repository: str,
        *,
        prefix: str = "",
        after: str = "",
        limit: int | None = None,
        hidden: bool = False,
    ) -> Iterator[Ref]:
        """Yield the branches whose names begin with `prefix`, by name."""
        return self._loop.iterate(
            self._lake.iter_branches(
                repository, prefix=prefix, after=after, limit=limit, hidden=hidden
            )
        )

    def delete_branch(self, repository: str, name: str) -> None:
        """Delete the branch `name`, and what is not committed on it.

        Raises:
            NotFoundError: there is none.
            PermissionDeniedError: it is the default branch, or protected.
        """
        self._loop.run(self._lake.delete_branch(repository, name))

    def reset_branch(
        self,
        repository: str,
        branch: str,
        *,
        path: str | None = None,
        prefix: str | None = None,
    ) -> None:
        """Throw away what is not committed: at `path`, below `prefix`, or all of it."""
        self._loop.run(
            self._lake.reset_branch(repository, branch, path=path, prefix=prefix)
        )

    def hard_reset(self, repository: str, branch: str, ref: str) -> None:
        """Point `branch` at the commit of `ref`, wherever it was.

        Raises:
            InvalidRequestError: the branch has uncommitted changes.
        """
        self._loop.run(self._lake.hard_reset(repository, branch, ref))

    def create_tag(self, repository: str, name: str, *, ref: str) -> Ref:
        """Create the tag `name` at the commit of `ref`, any ref expression.

        Raises:
            ConflictError: a branch or tag has that name.
            NotFoundError: there is no `repository` or no `ref`.
        """
        return self._loop.run(self._lake.create_tag(repository, name, ref=ref))

    def get_tag(self, repository: str, name: str) -> Ref:
        """Return the tag `name`.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.get_tag(repository, name))

    def iter_tags(
        self,
        repository: str,
        *,
        prefix: str = "",
        after: str = "",
        limit: int | None = None,
    ) -> Iterator[Ref]:
        """Yield the tags whose names begin with `prefix`, by name."""
        return self._loop.iterate(
            self._lake.iter_tags(repository, prefix=prefix, after=after, limit=limit)
        )

    def delete_tag(self, repository: str, name: str) -> None:
        """Delete the tag `name`; its commit stays.

        Raises:
            NotFoundError: there is none.
        """
        self._loop.run(self._lake.delete_tag(repository, name))

    def iter_ref_log(
        self, repository: str, name: str, *, limit: int | None = None
    ) -> Iterator[RefLogEntry]:
        """Yield the moves of the ref `name`, newest first; a deleted ref has them too."""
        return self._loop.iterate(
            self._lake.iter_ref_log(repository, name, limit=limit)
        )

    def undo(
        self,
        repository: str,
        name: str,
        *,
        sequence: int | None = None,
        dry_run: bool = False,
    ) -> RefLogEntry:
        """Put the branch `name` back where it was before its newest move.

        Undoing again goes further back; a deleted branch is there again. With
        `sequence`, it goes back to before that move. Returns the move that this made;
        with `dry_run` the one that it would have made, with the number 0.

        Raises:
            InvalidRequestError: nothing is left to undo, or there are uncommitted
                changes.
        """
        return self._loop.run(
            self._lake.undo(repository, name, sequence=sequence, dry_run=dry_run)
        )

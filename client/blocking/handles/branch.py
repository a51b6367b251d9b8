# Made from client/handles/branch.py by `python3 tasks.py blocking`: change that one.
"""A branch by name: commit what is written, merge, take back, and transactions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from ...errors import ConflictError
from ...values import Commit, Move
from ...wire import MergeStrategy, Resolution
from .listing import Listing
from .ref import Ref
from .transaction import Transaction
from .writing import Writable


class Branch(Writable):
    """A branch by name, whether or not there is one."""

    _kind = "branch"

    def commit(
        self,
        message: str,
        metadata: Mapping[str, str] | None = None,
        *,
        date: datetime | None = None,
        allow_empty: bool = False,
    ) -> Commit:
        """Make a commit of what is not committed, and return it.

        Raises:
            NothingToCommitError: there is nothing, and `allow_empty` is not set.
        """
        body = self._client.commit(
            self.repository.name,
            self.name,
            message,
            metadata=metadata,
            date=date,
            allow_empty=allow_empty,
        )
        return Commit.of(body)

    def transaction(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        strategy: MergeStrategy | None = None,
        resolutions: Mapping[str, Resolution] | None = None,
    ) -> Transaction:
        """Return a transaction: what is written in its `with` becomes one commit here.

        Until the end nobody sees anything of it; if an error leaves the `with`, nobody
        ever does. Others may commit here meanwhile: what they changed stays, and where
        both changed the same path differently the transaction fails as a whole.

            with branch.transaction("Clean the table") as tx:
                tx.upload("table.csv", clean(tx.read("table.csv")))
            print(tx.commit)

        Args:
            message: of the commit.
            metadata: of the commit.
            strategy: which side wins every conflict: `source-wins` is the transaction.
            resolutions: what single conflicting paths shall be.

        Raises:
            NotFoundError: there is no such branch.
            ConflictError: there are uncommitted changes on it.
            MergeConflictError: at the end of the `with`; `conflicts` lists the paths.
        """
        return Transaction(
            self,
            message,
            metadata=metadata,
            strategy=strategy,
            resolutions=resolutions,
        )

    def revert(
        self,
        ref: Ref | str,
        *,
        parent_number: int = 0,
        message: str | None = None,
    ) -> None:
        """Take back, with a new commit, what the commit of `ref` changed.

        Args:
            parent_number: of a merge, the parent, from 1, whose line to keep.

        Raises:
            ConflictError: a merge without `parent_number`, or what it changed has been
                changed since.
        """
        self._client.revert(
            self.repository.name,
            self.name,
            str(ref),
            parent_number=parent_number,
            message=message,
        )

    def cherry_pick(
        self,
        ref: Ref | str,
        *,
        parent_number: int | None = None,
        message: str | None = None,
    ) -> Commit:
        """Make here what the commit of `ref` changed, as a new commit; return it.

        Args:
            parent_number: of a merge, the parent, from 1, to measure the change from.

        Raises:
            ConflictError: a merge without `parent_number`, or both changed a path.
        """
        body = self._client.cherry_pick(
            self.repository.name,
            self.name,
            str(ref),
            parent_number=parent_number,
            message=message,
        )
        return Commit.of(body)

    def reset_to(self, ref: Ref | str) -> None:
        """Point the branch at the commit of `ref`, wherever it was; `undo` takes it back.

        Raises:
            InvalidRequestError: there are uncommitted changes.
        """
        self._client.hard_reset(self.repository.name, self.name, str(ref))

    def undo(self, *, sequence: int | None = None) -> Move:
        """Put the branch back where it was before its newest move; return the new move.

        Undoing again goes further back. With `sequence`, a number of the `reflog`, it
        goes back to before that move.

        Raises:
            InvalidRequestError: nothing is left to undo, or there are uncommitted
                changes.
        """
        body = self._client.undo(self.repository.name, self.name, sequence=sequence)
        return Move.of(body)

    def reflog(self, *, limit: int | None = None) -> Listing[Move]:
        """List the moves of the branch, newest first: who, when, from where to where."""
        return self._reflog(limit)

    def _look_up(self) -> None:
        self._client.get_branch(self.repository.name, self.name)

    def settle(self, message: str) -> None:
        """Return if a transaction may begin or end here; `message` is its message.

        Raises:
            ConflictError: there are uncommitted changes.
        """
        del message
        if self.uncommitted(limit=1).first() is not None:
            raise ConflictError(
                f"branch '{self.name}' of '{self.repository.name}' has uncommitted "
                "changes: commit or reset them before a transaction",
                code="dirty-branch",
            )

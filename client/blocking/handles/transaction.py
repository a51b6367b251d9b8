# Made from client/handles/transaction.py by `python3 tasks.py blocking`: change that one.
"""A transaction: what is written in a `with` becomes one commit, or nothing.

Its promises:

1. Writes go to a hidden branch, made from the head at the beginning. Reads see them.
2. The end makes one commit of them on the target, with one parent, if it can.
3. Whatever the target got meanwhile is kept. A path that both changed differently is an
   error, and then the target has nothing of the transaction.
4. It happens once: each step has a key, so that a step whose answer was lost does nothing
   when it is sent again. If no answer ever comes, the error says that nobody knows.
5. The hidden branch is deleted at the end, however that comes. If the server is away
   then, it stays behind, hidden, and a line of the log names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

from ...errors import NothingToCommitError, ServerUnreachableError
from ...operations.transactions import name_hidden_branch
from ...wire import MergeStrategy, Resolution
from .writing import Writable

if TYPE_CHECKING:
    from .branch import Branch


class Transaction(Writable):
    """A transaction on a branch, to be used once, in a `with`.

    It reads and writes like a branch. `commit` is the id of the commit once it is made;
    None before, and if nothing was changed.
    """

    _kind = "transaction"

    def __init__(
        self,
        target: Branch | Transaction,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        strategy: MergeStrategy | None = None,
        resolutions: Mapping[str, Resolution] | None = None,
    ) -> None:
        super().__init__(target.repository, name_hidden_branch(target.name))
        self.target = target
        self.message = message
        self.commit: str | None = None
        self._metadata = metadata
        self._strategy: MergeStrategy | None = strategy
        self._resolutions = resolutions
        self._is_used = False

    def transaction(
        self,
        message: str | None = None,
        *,
        strategy: MergeStrategy | None = None,
        resolutions: Mapping[str, Resolution] | None = None,
    ) -> Transaction:
        """Return a transaction within this one: an error in it takes back its own part.

        What it writes becomes part of the one commit that the outermost makes.
        """
        return Transaction(
            self,
            message or self.message,
            strategy=strategy,
            resolutions=resolutions,
        )

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError(
            "cannot pickle a transaction: it is of the process that ends it; "
            "pickle its target, or merge by yourself"
        )

    def __enter__(self) -> Self:
        if self._is_used:
            raise RuntimeError("a transaction is used once: make another one")
        self._is_used = True
        self.target.settle(self.message)
        try:
            self._client.create_branch(
                self.repository.name, self.name, source=self.target.name, hidden=True
            )
        except BaseException:
            self._discard()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._discard()

    def settle(self, message: str) -> None:
        """Commit what is written so far, so that an inner transaction may begin or end."""
        try:
            self._client.commit(self.repository.name, self.name, message)
        except NothingToCommitError:
            return

    def _finish(self) -> None:
        self.settle(self.message)
        self._settle_target()
        try:
            self.commit = self._client.merge_hidden_branch(
                self.repository.name,
                self.name,
                self.target.name,
                message=self.message,
                metadata=self._metadata,
                strategy=self._strategy,
                resolutions=self._resolutions,
            )
        except NothingToCommitError:
            return
        except ServerUnreachableError as error:
            if not error.answer_lost:
                raise
            raise ServerUnreachableError(
                f"{error.message}; whether the transaction '{self.message}' is on "
                f"'{self.target.name}' is not known: look at its log",
            ) from error

    def _settle_target(self) -> None:
        # A branch refuses by itself what it cannot merge, and must be asked at once with
        # the merge; an outer transaction commits what was written beside the inner one.
        if isinstance(self.target, Transaction):
            self.target.settle(self.target.message)

    def _discard(self) -> None:
        self._client.discard_branch(self.repository.name, self.name)

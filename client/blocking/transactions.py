"""What transactions need, without `await`: see `operations/transactions.py`."""

from __future__ import annotations

from collections.abc import Mapping

from ..wire import MergeStrategy, Resolution
from .history import BlockingHistoryOperations
from .refs import BlockingRefOperations


class BlockingTransactionOperations(BlockingRefOperations, BlockingHistoryOperations):
    """Refs and their history, and the end of a branch that nobody else knows."""

    def merge_hidden_branch(
        self,
        repository: str,
        name: str,
        target: str,
        *,
        message: str,
        metadata: Mapping[str, str] | None = None,
        strategy: MergeStrategy | None = None,
        resolutions: Mapping[str, Resolution] | None = None,
    ) -> str:
        """Bring what the branch `name` has to `target` as one commit; return its id.

        Tries again while the target moves.

        Raises:
            NothingToCommitError: it has nothing that the target lacks.
            MergeConflictError: both changed the same paths differently.
            ConflictError: the target moves faster than it can be merged into.
        """
        return self._loop.run(
            self._lake.merge_hidden_branch(
                repository,
                name,
                target,
                message=message,
                metadata=metadata,
                strategy=strategy,
                resolutions=resolutions,
            )
        )

    def discard_branch(self, repository: str, name: str) -> bool:
        """Delete the branch `name` if it is there; return whether it is gone.

        Nothing that goes wrong is raised, it is logged: the caller has more important
        things to say. It goes on when the caller is cancelled.
        """
        return self._loop.run(self._lake.discard_branch(repository, name))

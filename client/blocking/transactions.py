"""What transactions need, without `await`: see `operations/transactions.py`."""

from __future__ import annotations

from .refs import BlockingRefOperations


class BlockingTransactionOperations(BlockingRefOperations):
    """Refs, and the end of a branch that nobody else knows."""

    def discard_branch(self, repository: str, name: str) -> bool:
        """Delete the branch `name` if it is there; return whether it is gone.

        Nothing that goes wrong is raised, it is logged: the caller has more important
        things to say. It goes on when the caller is cancelled.
        """
        return self._loop.run(self._lake.discard_branch(repository, name))

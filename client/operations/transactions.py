"""What transactions need beyond the other operations: a hidden branch, and its two ends."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Mapping

from ..errors import (
    ClientError,
    ConflictError,
    InvalidRequestError,
    MergeConflictError,
    NotFoundError,
)
from ..wire import MergeStrategy, Resolution
from .history import HistoryOperations
from .refs import RefOperations

MERGES_MAX = 5
"""Tries to merge into a branch that moves all the time. Each is in itself several tries of
the server; who loses all of them is told so."""

NAME_CHARS_MAX = 200
"""Of the target's name, in that of the hidden branch: 255 is the limit of both."""

DISCARD_TIMEOUT_S = 10.0
"""Somebody who pressed Ctrl-C waits for it; what is left is one hidden branch."""

log = logging.getLogger("lakebed.client")


def name_hidden_branch(target: str) -> str:
    """Return a new name for the hidden branch of a transaction on `target`.

    It begins like that of the target, so that grants for `dev-*` hold too.
    """
    return f"{target[:NAME_CHARS_MAX]}-tx-{uuid.uuid4().hex}"


class TransactionOperations(RefOperations, HistoryOperations):
    """Refs and their history, and the end of a branch that nobody else knows."""

    async def merge_hidden_branch(
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
        tries = 0
        while True:
            tries += 1
            chosen: dict[str, Resolution] = {}
            if resolutions:
                # They were given before anybody knew what would conflict.
                async for each in self.iter_conflicts(repository, name, target):
                    if each.path in resolutions:
                        chosen[each.path] = resolutions[each.path]
            try:
                return await self.merge(
                    repository,
                    name,
                    target,
                    message=message,
                    metadata=metadata,
                    strategy=strategy,
                    resolutions=chosen or None,
                    squash=True,
                )
            except MergeConflictError:
                raise
            except InvalidRequestError as error:
                # The target has moved, and a conflict is one no more.
                if error.fields.get("field") != "resolutions" or tries == MERGES_MAX:
                    raise
            except ConflictError as error:
                if error.code != "ref-moved" or tries == MERGES_MAX:
                    raise

    async def discard_branch(self, repository: str, name: str) -> bool:
        """Delete the branch `name` if it is there; return whether it is gone.

        Nothing that goes wrong is raised, it is logged: the caller has more important
        things to say. It goes on when the caller is cancelled.
        """
        task = asyncio.ensure_future(self._discard(repository, name))
        _running.add(task)
        task.add_done_callback(_running.discard)
        return await asyncio.shield(task)

    async def _discard(self, repository: str, name: str) -> bool:
        try:
            async with asyncio.timeout(DISCARD_TIMEOUT_S):
                await self.delete_branch(repository, name)
        except NotFoundError:
            return True
        except (ClientError, TimeoutError, RuntimeError) as error:
            log.warning(
                "a branch could not be deleted",
                extra={"repository": repository, "branch": name, "reason": str(error)},
            )
            return False
        return True


_running: set[asyncio.Task[bool]] = set()
"""A loop keeps no task alive that nobody else knows."""

"""What transactions need beyond the other operations: to get rid of a branch."""

from __future__ import annotations

import asyncio
import logging

from ..errors import ClientError, NotFoundError
from .refs import RefOperations

DISCARD_TIMEOUT_S = 10.0
"""Somebody who pressed Ctrl-C waits for it; what is left is one hidden branch."""

log = logging.getLogger("lakebed.client")


class TransactionOperations(RefOperations):
    """Refs, and the end of a branch that nobody else knows."""

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

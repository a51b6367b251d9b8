"""Runs that nothing was heard of for too long are sealed, by whoever looks."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from ..errors import LakeError
from ..repository.engine import Engine
from .ending import lose_run

log = logging.getLogger(__name__)

PERIOD_S = 30.0
"""How often a server looks: a tenth of the time after which a run counts as lost if
nobody says otherwise."""
LOST_AT_ONCE = 20
"""Runs sealed at one look, so that a list that looks too is not held up."""


@dataclass(frozen=True, slots=True)
class LostRuns:
    """Looks for lost runs, as one process may."""

    engine: Engine
    listening_since_ms: int
    """Before this nobody could be heard here: a recorder that kept what it had to say
    while the server was away gets as long as ever to say it."""

    async def seal(self) -> int:
        """Seal some of the runs that are lost; return how many."""
        now_ms = self.engine.clock()
        sealed = 0
        for run in await self.engine.metadata.list_lost(now_ms, limit=LOST_AT_ONCE):
            if self.listening_since_ms + 1000 * run.lost_after_s >= now_ms:
                continue
            try:
                await lose_run(self.engine, run)
                sealed += 1
            except LakeError:
                log.warning("cannot seal a lost run", extra={"run": run.name})
        return sealed

    def start(self) -> None:
        """Look now and then, in the background."""

        async def look() -> None:
            while True:
                await asyncio.sleep(PERIOD_S)
                try:
                    await self.seal()
                except LakeError:
                    log.warning("cannot look for lost runs", exc_info=True)

        self.engine.start_chore(look)

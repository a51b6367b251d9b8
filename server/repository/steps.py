"""Walks over many commits: by their steps, a batch at a time.

`history/walk.py` follows parents and reads one commit after the other. Here the steps of
all commits of a repository are scanned in the same order, each before its parents, and
those that are waited for are taken: nothing is decoded, and none is asked for by its id.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from ..errors import CorruptDataError
from ..history.commit import Commit
from ..history.step import CommitStep
from ..ids import CommitId
from ..refs.store import RefReader

STEPS_FIRST = 128
"""Steps of the first batch: a page that shows everything needs no more."""
STEPS_AT_ONCE = 2048
"""Steps of a later batch: half a megabyte. With half of it a walk takes 3 % longer."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk goes on: behind a commit of a generation, or with its first."""

    generation: int
    after: CommitId | None
    waiting: frozenset[CommitId]
    """Parents of what was passed that were not met yet."""


def place_of(commit: Commit) -> Place:
    """Return the place where `commit` comes next."""
    return Place(commit.generation, None, frozenset((commit.id,)))


class StepWalk:
    """A walk from a place down, each commit before its parents and once."""

    def __init__(
        self,
        reader: RefReader,
        repository_id: int,
        place: Place,
        *,
        first_parent: bool = False,
    ) -> None:
        self._reader = reader
        self._repository_id = repository_id
        self._place = place
        self._first_parent = first_parent
        self._waiting = set(place.waiting)

    def place_behind(self, step: CommitStep) -> Place:
        """Return where to go on behind `step`, the one that was given last."""
        return Place(step.generation, step.id, frozenset(self._waiting))

    async def iter(self) -> AsyncGenerator[CommitStep]:
        """Yield the steps.

        Raises:
            CorruptDataError: history refers to a commit that was not recorded.
        """
        waiting, first_parent = self._waiting, self._first_parent
        generation, after = self._place.generation, self._place.after
        limit = STEPS_FIRST
        while waiting:
            rows = await self._reader.scan_steps(
                self._repository_id, generation=generation, after=after, limit=limit
            )
            if not rows:
                missing = min(waiting).hex()
                raise CorruptDataError(f"commit '{missing}' is missing in its history")
            for step in rows:
                if step.id in waiting:
                    waiting.discard(step.id)
                    parents = step.parent_ids
                    waiting.update(parents[:1] if first_parent else parents)
                    yield step
            generation, after = rows[-1].generation, rows[-1].id
            limit = min(4 * limit, STEPS_AT_ONCE)

"""Forced schedules: run something at an exact place in the middle of an operation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from lakebed.server.chunks.index import Frame, StoredFrame
from lakebed.server.repository.contracts import Metadata, WriteTransaction
from lakebed.server.repository.engine import Engine
from lakebed.server.staging.store import Change

T = TypeVar("T")
Step = Callable[[], Awaitable[object]]


class CrashError(Exception):
    """The process is gone at this point."""


class _ScheduledMetadata:
    """Passes everything on, but runs a step before a numbered write."""

    def __init__(self, inner: Metadata, steps: Mapping[int, Step]) -> None:
        self._inner = inner
        self.steps = dict(steps)
        self.write_count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def write(
        self,
        action: Callable[[WriteTransaction], Awaitable[T]],
        *,
        frames: Sequence[Frame] = (),
        stored: Sequence[StoredFrame] = (),
    ) -> T:
        step = self.steps.pop(self.write_count, None)
        self.write_count += 1
        if step is not None:
            await step()
        return await self._inner.write(action, frames=frames, stored=stored)

    async def stage_change(
        self, branch_id: int, change: Change, *, frames: Sequence[Frame] = ()
    ) -> None:
        step = self.steps.pop(self.write_count, None)
        self.write_count += 1
        if step is not None:
            await step()
        await self._inner.stage_change(branch_id, change, frames=frames)


class Schedule:
    """An engine whose write number N is preceded by a step, for each N that has one.

    Steps use the plain engine: they are what another process does at that moment.
    """

    def __init__(self, engine: Engine, steps: Mapping[int, Step]) -> None:
        self._metadata = _ScheduledMetadata(engine.metadata, steps)
        self.engine = replace(engine, metadata=self._metadata)

    def check_all_ran(self) -> None:
        """Fail if a step never ran: the test would check nothing."""
        left = sorted(self._metadata.steps)
        assert not left, f"the steps before writes {left} never ran"

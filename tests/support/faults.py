"""Pack storage that fails on cue: the Nth call, before or after it took effect.

A test runs an operation once to count the calls (`FaultyPackStorage.calls`), then once
for each of them with that call failing, and checks that `injected` says it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from lakebed.server.errors import (
    DurabilityLostError,
    StorageFailedError,
    StorageFullError,
)
from lakebed.server.storage.store import PackClaim, PackFile, PackStorage


class Fault(Enum):
    """What happens to the chosen call."""

    REFUSED = "refused"
    """It fails and does nothing."""
    FULL = "full"
    """There is no room; an append leaves half of its bytes behind."""
    SHORT = "short"
    """An append fails after half of its bytes; other calls are refused."""
    LOST_ANSWER = "lost answer"
    """It takes effect, and fails all the same."""


@dataclass(slots=True)
class FaultPlan:
    """Fail call number `call`, counted from 0, in the manner of `fault`."""

    call: int
    fault: Fault


class FaultyPackStorage:
    """Another storage, with one call that fails; reads are not touched."""

    def __init__(self, inner: PackStorage, plan: FaultPlan | None = None) -> None:
        self._inner = inner
        self._plan = plan
        self.calls: list[str] = []
        """The operations so far, in order."""
        self.injected = False

    def run(
        self,
        operation: str,
        error: StorageFailedError,
        call: Callable[[], object],
        half: Callable[[], object] | None = None,
    ) -> None:
        """Count `operation` and do it, unless it is the one that fails."""
        number = len(self.calls)
        self.calls.append(operation)
        if self._plan is None or number != self._plan.call:
            call()
            return
        self.injected = True
        match self._plan.fault:
            case Fault.LOST_ANSWER:
                call()
            case Fault.FULL | Fault.SHORT if half is not None:
                half()
            case _:
                pass
        if self._plan.fault is Fault.FULL and operation != "sync":
            raise StorageFullError(f"{operation}: injected: no space left on device")
        raise error

    def create(self, name: str) -> PackFile:
        made: list[PackFile] = []
        self.run(
            "create",
            StorageFailedError("create: injected"),
            lambda: made.append(self._inner.create(name)),
        )
        return FaultyPackFile(self, made[0])

    def claim(self, name: str) -> PackClaim | None:
        return self._inner.claim(name)

    def read_blocking(self, name: str, offset: int, size: int) -> bytes:
        return self._inner.read_blocking(name, offset, size)

    async def read(self, name: str, offset: int, size: int) -> bytes:
        return await self._inner.read(name, offset, size)

    def size_bytes(self, name: str) -> int:
        return self._inner.size_bytes(name)

    def delete(self, name: str) -> None:
        self._inner.delete(name)

    def names(self) -> Iterator[str]:
        return self._inner.names()

    def close(self) -> None:
        self._inner.close()


class FaultyPackFile:
    """A file of `FaultyPackStorage`; keeps promise 4 after its failure."""

    def __init__(self, storage: FaultyPackStorage, inner: PackFile) -> None:
        self._storage = storage
        self._inner = inner
        self._size_bytes = 0
        self._append_failed = False
        self._sync_failed = False

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def append(self, buffers: Sequence[bytes | memoryview]) -> int:
        if self._append_failed or self._sync_failed:
            raise StorageFailedError("append: an earlier one failed")
        data = b"".join(buffers)
        try:
            self._storage.run(
                "append",
                StorageFailedError("append: injected"),
                lambda: self._inner.append([data]),
                lambda: self._inner.append([data[: len(data) // 2]]),
            )
        except (StorageFailedError, StorageFullError):
            self._append_failed = True
            raise
        start = self._size_bytes
        self._size_bytes += len(data)
        return start

    def sync(self) -> None:
        if self._sync_failed:
            raise DurabilityLostError("sync: an earlier one failed")
        try:
            self._storage.run(
                "sync", DurabilityLostError("sync: injected"), self._inner.sync
            )
        except DurabilityLostError:
            self._sync_failed = True
            raise

    def close(self) -> None:
        self._inner.close()

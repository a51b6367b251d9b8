"""Packs in memory, for tests: the same promises, and a power switch.

`lose_power` forgets what was not synced, as a host does, so that a test can ask what an
acknowledged write is worth without a disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import RLock

from ..errors import (
    CorruptDataError,
    DurabilityLostError,
    MissingDataError,
    StorageFailedError,
)
from .store import check_pack_name


@dataclass(slots=True)
class _Pack:
    data: bytearray = field(default_factory=bytearray)
    synced_bytes: int | None = None
    """None until the first sync: the name is not durable either."""
    owner: object | None = None


class MemoryPackFile:
    """A pack being written; `MemoryPackStorage.create` makes it."""

    def __init__(self, name: str, pack: _Pack, lock: RLock) -> None:
        self._name = name
        self._pack = pack
        self._lock = lock

    @property
    def name(self) -> str:
        """The pack's name."""
        return self._name

    @property
    def size_bytes(self) -> int:
        """Bytes appended so far."""
        return len(self._pack.data)

    def append(self, buffers: Sequence[bytes | memoryview]) -> int:
        """See `PackFile.append`."""
        with self._lock:
            if self._pack.owner is not self:
                raise StorageFailedError(
                    f"cannot append to '{self._name}': it is closed"
                )
            start = len(self._pack.data)
            for buffer in buffers:
                self._pack.data += buffer
            return start

    def sync(self) -> None:
        """See `PackFile.sync`."""
        with self._lock:
            if self._pack.owner is not self:
                raise DurabilityLostError(f"cannot sync '{self._name}': it is closed")
            self._pack.synced_bytes = len(self._pack.data)

    def close(self) -> None:
        """See `PackFile.close`."""
        with self._lock:
            if self._pack.owner is self:
                self._pack.owner = None


class MemoryPackClaim:
    """The claim on a pack that nobody writes."""

    def __init__(self, pack: _Pack) -> None:
        self._pack = pack
        pack.owner = self

    def release(self) -> None:
        """See `PackClaim.release`."""
        if self._pack.owner is self:
            self._pack.owner = None


class MemoryPackStorage:
    """All packs of a lake that ends with the process."""

    def __init__(self) -> None:
        self._packs: dict[str, _Pack] = {}
        self._lock = RLock()

    def create(self, name: str) -> MemoryPackFile:
        """See `PackStorage.create`."""
        check_pack_name(name)
        with self._lock:
            if name in self._packs:
                raise StorageFailedError(f"cannot create '{name}': it exists")
            pack = self._packs[name] = _Pack()
            file = MemoryPackFile(name, pack, self._lock)
            pack.owner = file
            return file

    def claim(self, name: str) -> MemoryPackClaim | None:
        """See `PackStorage.claim`."""
        with self._lock:
            pack = self._pack(name)
            return MemoryPackClaim(pack) if pack.owner is None else None

    def read_blocking(self, name: str, offset: int, size: int) -> bytes:
        """See `PackStorage.read_blocking`."""
        with self._lock:
            data = bytes(self._pack(name).data[offset : offset + size])
        if len(data) != size:
            raise CorruptDataError(
                f"cannot read {size} bytes at {offset} of '{name}': it ends before"
            )
        return data

    async def read(self, name: str, offset: int, size: int) -> bytes:
        """See `PackStorage.read`."""
        return self.read_blocking(name, offset, size)

    def size_bytes(self, name: str) -> int:
        """See `PackStorage.size_bytes`."""
        with self._lock:
            return len(self._pack(name).data)

    def delete(self, name: str) -> None:
        """See `PackStorage.delete`."""
        check_pack_name(name)
        with self._lock:
            self._packs.pop(name, None)

    def names(self) -> Iterator[str]:
        """See `PackStorage.names`."""
        with self._lock:
            return iter(sorted(self._packs))

    def close(self) -> None:
        """See `PackStorage.close`."""

    def damage(self, name: str, offset: int, flip: int = 0x01) -> None:
        """Flip the bits `flip` of the byte at `offset`, as a bad disk would."""
        with self._lock:
            self._pack(name).data[offset] ^= flip

    def truncate(self, name: str, size_bytes: int) -> None:
        """Cut a pack short, as a writer that died leaves it."""
        with self._lock:
            del self._pack(name).data[size_bytes:]

    def lose_power(self) -> None:
        """Forget everything that was not synced; all writers are dead."""
        with self._lock:
            for name, pack in list(self._packs.items()):
                pack.owner = None
                if pack.synced_bytes is None:
                    del self._packs[name]
                else:
                    del pack.data[pack.synced_bytes :]

    def _pack(self, name: str) -> _Pack:
        check_pack_name(name)
        pack = self._packs.get(name)
        if pack is None:
            raise MissingDataError(f"cannot read '{name}': there is no such pack")
        return pack

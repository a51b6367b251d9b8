"""The contract of pack storage: where the bytes of a lake lie.

Everything stored is a *pack*: a file that one writer appends to and that never changes
afterwards. Storage knows nothing of what is in a pack, and never decides who wins: that
is for SQL. `tests/contracts/test_pack_storage.py` holds each implementation to these
promises:

1. What `append` took is readable at the offset it returned, at once, by every process;
   it survives power loss only after a later `sync` returned.
2. When the first `sync` of a file returned, its name is durable too.
3. `create` never opens a pack that exists, in any process; a file has one writer, which
   holds the pack's claim until `close` or the death of its process.
4. A file whose `append` failed takes no more bytes; what it took before can still be
   synced. One whose `sync` failed is never trusted again: a kernel may drop the pages
   that it could not write and answer the next fsync with success.
5. A read returns exactly the bytes asked for or raises; never fewer.
6. The methods of `PackStorage` may be called from any thread. A `PackFile` is appended
   to by one thread at a time; `sync` may run beside it in another, and covers what was
   appended before it began.
7. Names are ours (`new_pack_name`) and are checked by every method, so that no text of a
   user ever becomes part of a file path.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from typing import Protocol

from ..errors import InvalidValueError

_NAME = re.compile(r"[0-9a-f]{32}")

READ_INLINE_BYTES_MAX = 256 * 1024
"""A local read up to this size runs on the event loop: out of the page cache it takes 20
µs, and hashing it 100 µs, about what a hop to a thread costs. At double the loop would
stall visibly; at half, every chunk of average size would pay the hop."""


def new_pack_name() -> str:
    """Return a fresh random pack name: 32 lower-case hex digits."""
    return secrets.token_hex(16)


def is_pack_name(name: str) -> bool:
    """Tell whether `new_pack_name` could have made `name`."""
    return _NAME.fullmatch(name) is not None


def check_pack_name(name: str) -> str:
    """Return `name` if it is one that `new_pack_name` could have made.

    Raises:
        InvalidValueError: it is not.
    """
    if not is_pack_name(name):
        raise InvalidValueError("pack", f"not a pack name: {name!r}")
    return name


class PackFile(Protocol):
    """A pack being written, by its only writer. All methods block."""

    @property
    def name(self) -> str:
        """The pack's name."""
        ...

    @property
    def size_bytes(self) -> int:
        """Bytes appended so far."""
        ...

    def append(self, buffers: Sequence[bytes | memoryview]) -> int:
        """Append `buffers` one after the other; return the offset of the first.

        Raises:
            StorageFullError: there is no room; the file takes no more bytes.
            StorageFailedError: the bytes were not taken, now or in an earlier call.
        """
        ...

    def sync(self) -> None:
        """Make everything appended so far durable, and the file's name with it.

        Raises:
            DurabilityLostError: the backend could not say that the bytes are safe; the
                file is poisoned and the process must exit (P15).
        """
        ...

    def close(self) -> None:
        """Give the file up without a sync; calling it again does nothing."""
        ...


class PackClaim(Protocol):
    """The proof that nobody writes a pack, as long as it is held."""

    def release(self) -> None:
        """Give the claim up; calling it again does nothing."""
        ...


class PackStorage(Protocol):
    """All packs of a lake."""

    def create(self, name: str) -> PackFile:
        """Return the new, empty pack `name`, claimed by us. Blocks.

        Raises:
            StorageFailedError: the name is taken, or the backend refused.
            StorageFullError: there is no room for it.
        """
        ...

    def claim(self, name: str) -> PackClaim | None:
        """Take the writer's claim on `name`; None while its writer has it. Blocks.

        Whoever recovers or deletes a pack whose writer died must win this first.

        Raises:
            MissingDataError: there is no such pack.
        """
        ...

    def read_blocking(self, name: str, offset: int, size: int) -> bytes:
        """Return `size` bytes of `name` from `offset`.

        Raises:
            MissingDataError: there is no such pack.
            CorruptDataError: the pack ends before `offset + size`.
            StorageFailedError: the backend could not read.
        """
        ...

    async def read(self, name: str, offset: int, size: int) -> bytes:
        """Return what `read_blocking` does, without stalling the event loop."""
        ...

    def size_bytes(self, name: str) -> int:
        """Return the present size of `name`.

        Raises:
            MissingDataError: there is no such pack.
        """
        ...

    def delete(self, name: str) -> None:
        """Remove `name`; nothing happens if it is gone already."""
        ...

    def names(self) -> Iterator[str]:
        """Yield the names of all packs in ascending order."""
        ...

    def close(self) -> None:
        """Give back what reading holds open."""
        ...

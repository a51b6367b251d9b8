"""What a supervisor and its workers say to each other, over a socket of each worker.

A message is the length of what follows, as 4 bytes, the most significant first, and a
msgspec struct in MessagePack. Both sides are started from one installation, and a worker
that a newer one replaces on SIGHUP may be of another version: fields that are not known
are passed over, and a message that is not known ends the conversation.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.msgpack import Decoder

from ..serving.snapshot import Snapshot

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""Longest message: figures of some 150 operations take 60 KiB."""

_LENGTH = struct.Struct(">I")


# --- what a supervisor says -----------------------------------------------------------


class AskFigures(Struct, frozen=True, tag=True):
    """Say what was counted, with this number. Asked all the time: who lives answers."""

    number: int


class AcceptFor(Struct, frozen=True, tag=True):
    """Accept connections of these slots beside your own, and of no others."""

    slots: tuple[int, ...]


class ReadAgain(Struct, frozen=True, tag=True):
    """Read the certificate again, and go on in a new access log."""


class Part(Struct, frozen=True, tag=True):
    """Another worker has your place: accept no more, let each client go, and end."""


class CutOff(Struct, frozen=True, tag=True):
    """End at once, whatever runs."""


Order = AskFigures | AcceptFor | ReadAgain | Part | CutOff


# --- what a worker says ---------------------------------------------------------------


class Ready(Struct, frozen=True, tag=True):
    """It accepts."""


class Leaving(Struct, frozen=True, tag=True):
    """It accepts no more: somebody else told it to stop, or it was told to part."""


class Failed(Struct, frozen=True, tag=True):
    """It cannot serve, for a reason that people are told."""

    reason: str


class Figures(Struct, frozen=True, tag=True):
    """What it has counted by now."""

    number: int
    """Of the question; 0 if it was not asked."""
    snapshot: Snapshot
    cpu_s: float
    memory_bytes: int


News = Ready | Leaving | Failed | Figures

T = TypeVar("T")


class Channel(Generic[T]):
    """One end of the conversation, on which messages of the type `T` come in."""

    def __init__(
        self,
        decoder: Decoder[T],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Use `open` instead."""
        self._decoder = decoder
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, decoder: Decoder[T], end: socket.socket) -> Channel[T]:
        """Return the channel over `end`, one of a pair of sockets; owned from here."""
        reader, writer = await asyncio.open_unix_connection(sock=end)
        return cls(decoder, reader, writer)

    def send(self, message: Order | News) -> None:
        """Say `message`, unless nobody is there any more."""
        if not self._writer.is_closing():
            data = msgspec.msgpack.encode(message)
            self._writer.write(_LENGTH.pack(len(data)) + data)

    async def messages(self) -> AsyncIterator[T]:
        """Yield what the other side says, in order, until it closes or makes no sense."""
        with suppress(asyncio.IncompleteReadError, OSError, msgspec.DecodeError):
            while True:
                head = await self._reader.readexactly(_LENGTH.size)
                (size,) = _LENGTH.unpack(head)
                if size > MESSAGE_BYTES_MAX:
                    return
                yield self._decoder.decode(await self._reader.readexactly(size))

    async def close(self) -> None:
        """Send what was said, and hang up."""
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()

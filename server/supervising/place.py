"""Where in a server a worker is: what its supervisor tells it when it is started."""

from __future__ import annotations

from msgspec import Struct


class Place(Struct, frozen=True):
    """The place of one worker."""

    slot: int
    """From 0 up."""
    channel: int
    """The descriptor of its end of the channel."""
    sockets: tuple[tuple[int, ...], ...]
    """The descriptors that listen, of each slot, in the order of the listeners."""
    sets_up: bool
    """It makes the first user, or says how to."""

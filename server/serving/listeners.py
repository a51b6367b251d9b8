"""Binding the addresses of a server, and what is printed of them."""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ..errors import StartupError
from ..settings import Endpoint, Listener

BACKLOG = 4096
"""Connections that may wait to be accepted: as many as may be open. One that does not fit
waits for a second or three, until its client sends again. It is the kernel's limit too."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A listener with its socket."""

    listener: Listener
    socket: socket.socket

    @property
    def endpoint(self) -> Endpoint:
        """Where it really listens."""
        host, port = self.socket.getsockname()[:2]
        return Endpoint(host, port)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.endpoint.host)


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches the address `host`."""
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


@contextmanager
def bind_all(
    listeners: Sequence[Listener], *, stall_s_max: float, slots: int = 1
) -> Generator[list[list[Bound]]]:
    """Bind all `listeners` until the context ends, once for each of `slots` workers.

    The kernel spreads connections over the sockets of one address by their source.

    Args:
        listeners: where.
        stall_s_max: a connection whose client takes nothing for so long ends.
        slots: how many sockets each address has.

    Yields:
        for each slot its sockets, in the order of `listeners`.

    Raises:
        StartupError: one cannot be bound; says which, and why.
    """
    named: set[Endpoint] = set()
    for listener in listeners:
        where = listener.endpoint
        if where in named:
            raise StartupError(
                f"cannot listen on '{where}' twice: give each place an address of its own"
            )
        if where.port:
            named.add(where)
    with ExitStack() as stack:
        by_slot: list[list[Bound]] = [[] for _ in range(slots)]
        for listener in listeners:
            sockets = _bind(listener.endpoint, stall_s_max, slots)
            for slot, bound in zip(by_slot, sockets, strict=True):
                slot.append(Bound(listener, stack.enter_context(bound)))
        yield by_slot


def _bind(endpoint: Endpoint, stall_s_max: float, count: int) -> list[socket.socket]:
    """Return `count` sockets of one address that listen."""
    try:
        found = socket.getaddrinfo(
            endpoint.host,
            endpoint.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
    except OSError as error:
        raise StartupError(
            f"cannot listen on '{endpoint}': {_reason(error)}"
        ) from error
    sockets: list[socket.socket] = []
    try:
        family, kind, protocol, _, address = found
        for number in range(count):
            bound = socket.socket(family, kind, protocol)
            sockets.append(bound)
            # Without it a restart waits for the connections of the server before it.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            # Connections inherit it. The kernel alone sees whether a client takes what
            # is sent, be it a stream, the rest of an answer, or what TLS has put around
            # it; when it has taken nothing for so long, the connection is reset.
            bound.setsockopt(
                socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_s_max * 1000)
            )
            if number == 0:
                # A plain bind: with SO_REUSEPORT it would share the port with a
                # stranger who has set that too, and say nothing. For our own sockets
                # that come after it, it is set once the port is ours.
                bound.bind(address)
                address = bound.getsockname()
            if count > 1:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if number > 0:
                bound.bind(address)
        for bound in sockets:
            bound.listen(BACKLOG)
            bound.setblocking(False)
    except OSError as error:
        for bound in sockets:
            bound.close()
        raise StartupError(
            f"cannot listen on '{endpoint}': {_reason(error)}: {_way_out(error)}"
        ) from error
    return sockets


def _way_out(error: OSError) -> str:
    match error.errno:
        case errno.EADDRNOTAVAIL:
            return "name an address of this machine, or 0.0.0.0 for all of them"
        case errno.EACCES:
            return "choose a port above 1023"
        case _:
            return "stop what listens there, or choose another port"


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()

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

BACKLOG = 1024
"""Connections that may wait to be accepted; the kernel has its own limit as well."""


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
    listeners: Sequence[Listener], *, stall_s_max: float
) -> Generator[list[Bound]]:
    """Bind all `listeners` until the context ends.

    Args:
        listeners: where.
        stall_s_max: a connection whose client takes nothing for so long ends.

    Raises:
        StartupError: one cannot be bound; says which, and why.
    """
    with ExitStack() as stack:
        yield [
            Bound(listener, stack.enter_context(_bind(listener.endpoint, stall_s_max)))
            for listener in listeners
        ]


def _bind(endpoint: Endpoint, stall_s_max: float) -> socket.socket:
    """Return a bound socket.

    A plain bind, without SO_REUSEPORT: that one would share the port with a stranger
    and say nothing.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            endpoint.host,
            endpoint.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartupError(
            f"cannot listen on '{endpoint}': {_reason(error)}"
        ) from error
    try:
        # Without it a restart waits for the connections of the server before it.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. The kernel alone sees whether a client takes what is
        # sent, be it a stream, the rest of an answer, or what TLS has put around it;
        # when it has taken nothing for so long, the connection is reset.
        bound.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(stall_s_max * 1000)
        )
        bound.bind(address)
        bound.listen(BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise StartupError(
            f"cannot listen on '{endpoint}': {_reason(error)}: {_way_out(error)}"
        ) from error
    return bound


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

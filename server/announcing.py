"""What a server says when it is ready, to people and to systemd; and when it is not.

Whoever listens says it: the one process of a server, or the supervisor of several.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import suppress

from .arguments import Arguments
from .errors import StartupError
from .serving.listeners import Bound
from .settings import METRICS, Listener, Settings

_NOTIFY_VARIABLE = "NOTIFY_SOCKET"


class Notifier:
    """Tells systemd what state the service is in, if systemd has asked to be told."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        """Take the address out of `environment`, where our own children would see it."""
        address = environment.pop(_NOTIFY_VARIABLE, "")
        # An abstract name is written with an @ in place of its first byte, which is 0.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def tell(self, state: str) -> None:
        """Tell `state`, such as `READY=1`; who does not listen misses it."""
        if self._address:
            flags = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
            with suppress(OSError), socket.socket(socket.AF_UNIX, flags) as channel:
                channel.sendto(state.encode(), self._address)


def check_metrics(settings: Settings, bound: Sequence[Bound]) -> None:
    """Return if nobody but who may reads the figures.

    Raises:
        StartupError: others would reach them.
    """
    for one in bound:
        if (
            one.listener.role is METRICS
            and not one.is_loopback
            and not settings.expose_metrics
        ):
            raise StartupError(
                f"cannot show figures on '{one.endpoint}': others can reach it, and they "
                "need no key: use 127.0.0.1, or say '--expose-metrics'"
            )


def is_encrypted(bound: Bound, settings: Settings) -> bool:
    """Tell whether connections use TLS: all, but those for figures on this machine."""
    is_local = bound.listener.role is METRICS and bound.is_loopback
    return settings.tls is not None and not is_local


def announce(given: Arguments, bound: Sequence[Bound]) -> None:
    """Print where the server listens, and that it is ready."""
    lines: list[str] = []
    for one in bound:
        encrypted = is_encrypted(one, given.settings)
        if not one.is_loopback and not encrypted:
            print(
                f"warning: listening on {one.endpoint.host}, where others can reach it, "
                "without TLS: use '--tls-cert' and '--tls-key', or put a proxy that has "
                "it in front",
                file=sys.stderr,
                flush=True,
            )
        url = f"{'https' if encrypted else 'http'}://{one.endpoint}"
        lines.append(_describe(one.listener, url))
    first, *others = lines
    for line in others:
        print(line)
    print(f"lakebed ready on {first} ({given.directory})", flush=True)


def say_failure(error: Exception) -> None:
    """Print why the server ends."""
    print(f"error: {error}", file=sys.stderr, flush=True)


def _describe(listener: Listener, url: str) -> str:
    role = listener.role
    if role is METRICS:
        return f"figures on {url}/metrics"
    if role.flat_ref is not None:
        return f"S3 at the ref '{role.flat_ref}' on {url}"
    if not role.speaks_rest:
        return f"S3 on {url}"
    return url

"""`python -m lakebed.server DIR`: one server process, from its arguments to its exit.

What cannot start says so in one line on stderr and exits with 1. When it is ready it
prints one line on stdout. SIGTERM and SIGINT stop it: nothing new is accepted, what runs
may finish, exit 0. After a failed fsync it exits with 1 at once: nothing says any more
what is on the disk, and whoever starts it again reads what really is.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import ipaddress
import os
import signal
import socket
import sys
from collections.abc import MutableMapping
from importlib.metadata import version
from pathlib import Path

import uvloop

from .app import Application
from .auth.secrets import AccessKey, make_access_key
from .errors import DurabilityLostError, LakeError, StartupError
from .logs import LEVELS, set_up_logging
from .repository.publishing import start_full_purge
from .settings import Settings

KEY_ID_VARIABLE = "LAKEBED_ACCESS_KEY_ID"
SECRET_VARIABLE = "LAKEBED_SECRET_ACCESS_KEY"  # noqa: S105 - a name, no secret
FIRST_USER = "admin"
_SWITCH_INTERVAL_S = 0.0005
"""How long a thread keeps the interpreter while another one waits for it. At Python's own
5 ms the writer waits behind reads, and writes behind the writer: with the loop kept busy
by reads, durable writes were 1,342/s, at 0.5 ms 1,861/s and the reads faster as well."""
_GC_YOUNG_COUNT = 20_000
"""New containers before a young collection, Python's own is 700: a page of a listing took
3.5 ms with it and 2.2 ms with this. Nearly nothing here has cycles, so that memory does
not wait for collections."""
_GC_GENERATIONS = 20
_BACKLOG = 1024
"""Connections that may wait to be accepted; the kernel has its own limit as well."""


def main(arguments: list[str] | None = None) -> int:
    """Run a server until it is told to stop; return the exit code."""
    options = _parse(arguments)
    set_up_logging(options.log_level)
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    key = _take_key(os.environ)
    try:
        settings = _read_settings(options)
        with _bind(settings) as listening:
            return uvloop.run(
                _serve(
                    Path(options.directory).absolute(),
                    settings,
                    listening,
                    key,
                    init_admin=options.init_admin,
                )
            )
    except LakeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m lakebed.server", description="Serve the lake in a directory."
    )
    parser.add_argument("directory", metavar="DIR", help="made if it is not there")
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=f"{defaults.host}:{defaults.port}",
        help="where to listen (%(default)s); port 0 takes a free one",
    )
    parser.add_argument(
        "--init-admin",
        action="store_true",
        help=f"create the first user, '{FIRST_USER}', with the key in {KEY_ID_VARIABLE} "
        f"and {SECRET_VARIABLE}, or with a fresh one that is printed once",
    )
    parser.add_argument(
        "--region",
        default=defaults.region,
        help="the region of S3 signatures (%(default)s)",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="WARNING")
    parser.add_argument("--version", action="version", version=version("lakebed"))
    return parser.parse_args(arguments)


def _take_key(environment: MutableMapping[str, str]) -> tuple[str | None, str | None]:
    """Take the key out of the environment, where whatever we start would see it."""
    return environment.pop(KEY_ID_VARIABLE, None), environment.pop(
        SECRET_VARIABLE, None
    )


def _read_settings(options: argparse.Namespace) -> Settings:
    host, colon, port = options.listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()):
        raise StartupError(
            f"cannot listen on '{options.listen}': write it as '127.0.0.1:8000'"
        )
    if int(port) > 65535:
        raise StartupError(f"cannot listen on '{options.listen}': no such port")
    return Settings(host=host, port=int(port), region=options.region)


def _bind(settings: Settings) -> socket.socket:
    """Return a bound socket.

    A plain bind, without SO_REUSEPORT: that one would share the port with a stranger
    and say nothing.
    """
    where = f"{settings.host}:{settings.port}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host,
            settings.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartupError(f"cannot listen on '{where}': {_reason(error)}") from error
    try:
        # Without it a restart waits for the connections of the server before it.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise StartupError(
            f"cannot listen on '{where}': {_reason(error)}: stop what listens there, or "
            "choose another port with '--listen'"
        ) from error
    return bound


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


async def _serve(
    directory: Path,
    settings: Settings,
    listening: socket.socket,
    key: tuple[str | None, str | None],
    *,
    init_admin: bool,
) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    failures: list[DurabilityLostError] = []

    def fail(error: DurabilityLostError) -> None:
        failures.append(error)
        loop.call_soon_threadsafe(stop.set)

    application = await Application.open(directory, settings, on_fatal=fail)
    # What is there now stays: no collection need look at it again.
    gc.freeze()
    gc.set_threshold(_GC_YOUNG_COUNT, _GC_GENERATIONS, _GC_GENERATIONS)
    start_full_purge(application.engine)
    try:
        if init_admin:
            await _init_admin(application, key)
        server = application.make_server()
        listener = await loop.create_server(server, sock=listening, backlog=_BACKLOG)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        _announce(directory, listening)
        await stop.wait()
        listener.close()
        if not failures:
            await server.stop(settings.stop_s_max)
    finally:
        if not failures:
            await application.close()
    if failures:
        print(f"error: {failures[0]}", file=sys.stderr, flush=True)
        # What else would close now could only pretend to have written something.
        os._exit(1)
    return 0


def _announce(directory: Path, listening: socket.socket) -> None:
    host, port = listening.getsockname()[:2]
    if not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
        print(
            f"warning: listening on {host}, where others can reach it, without TLS: "
            "put a proxy that has it in front",
            file=sys.stderr,
            flush=True,
        )
    shown = f"[{host}]" if ":" in host else host
    print(f"lakebed ready on http://{shown}:{port} ({directory})", flush=True)


async def _init_admin(
    application: Application, given: tuple[str | None, str | None]
) -> None:
    key_id, secret = given
    if (key_id is None) != (secret is None):
        raise StartupError(
            f"cannot create '{FIRST_USER}': set both {KEY_ID_VARIABLE} and "
            f"{SECRET_VARIABLE}, or neither"
        )
    if key_id is not None and secret is not None:
        key = AccessKey(key_id, secret)
    else:
        key = make_access_key()
    if not await application.auth.set_up_first_user(FIRST_USER, key):
        print(
            "users exist already: '--init-admin' changes nothing",
            file=sys.stderr,
            flush=True,
        )
    elif key_id is None:
        print(
            f"user '{FIRST_USER}' created; its key is shown this once:\n"
            f"  {KEY_ID_VARIABLE}={key.id}\n"
            f"  {SECRET_VARIABLE}={key.secret}",
            flush=True,
        )


if __name__ == "__main__":
    sys.exit(main())

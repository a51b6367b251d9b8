"""`python -m lakebed.server DIR`: one server process, from its arguments to its exit.

What cannot start says so in one line on stderr and exits with 1. When it is ready it
prints one line on stdout, after one for each place besides the first where it listens.
SIGTERM and SIGINT stop it: nothing new is accepted, what runs may finish, exit 0. SIGHUP
makes it read the certificate again, and go on in a new access log. After a failed fsync
it exits with 1 at once: nothing says any more what is on the disk, and whoever starts it
again reads what really is.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import MutableMapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

import uvloop
from lakebed.client.wire.routes import SETUP_TOKEN_HEADER

from .allocator import keep_less_freed_memory
from .app import Application
from .arguments import (
    FIRST_USER,
    KEY_ID_VARIABLE,
    SECRET_VARIABLE,
    Arguments,
    read_arguments,
)
from .auth.secrets import AccessKey, make_access_key
from .errors import DurabilityLostError, LakeError, StartupError
from .httprules.forms import ignore_malformed_names
from .logs import set_up_logging
from .repository.publishing import start_full_purge
from .repository.uploads import start_expiring
from .serving.access_log import AccessLog
from .serving.draining import ProtocolFactory
from .serving.listeners import BACKLOG, Bound, bind_all
from .serving.tls import TlsContext
from .settings import Listener, Role, Settings

log = logging.getLogger(__name__)

_SWITCH_INTERVAL_S = 0.0005
"""How long a thread keeps the interpreter while another one waits for it. At Python's own
5 ms the writer waits behind reads, and writes behind the writer: with the loop kept busy
by reads, durable writes were 1,342/s, at 0.5 ms 1,861/s and the reads faster as well."""
_GC_YOUNG_COUNT = 20_000
"""New containers before a young collection, Python's own is 700: a page of a listing took
3.5 ms with it and 2.2 ms with this. Nearly nothing here has cycles, so that memory does
not wait for collections."""
_GC_GENERATIONS = 20
_OWN_FILES_MAX = 512
"""Descriptors that packs, the database and its readers take at most."""


def main(arguments: list[str] | None = None) -> int:
    """Run a server until it is told to stop; return the exit code."""
    try:
        given = read_arguments(arguments)
        keep_less_freed_memory()
        set_up_logging(given.log_level)
        ignore_malformed_names()
        sys.setswitchinterval(_SWITCH_INTERVAL_S)
        key = _take_key(os.environ)
        settings = _fit_open_files(given.settings)
        given = replace(given, settings=settings)
        listeners = [*settings.listeners(), *_metrics_listeners(settings)]
        with bind_all(listeners, stall_s_max=settings.stall_s_max) as bound:
            return uvloop.run(_serve(given, bound, key))
    except LakeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _take_key(environment: MutableMapping[str, str]) -> tuple[str | None, str | None]:
    """Take the key out of the environment, where whatever we start would see it."""
    return environment.pop(KEY_ID_VARIABLE, None), environment.pop(
        SECRET_VARIABLE, None
    )


def _fit_open_files(settings: Settings) -> Settings:
    """Return `settings` with as many connections as the process may have files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = settings.connections_max + _OWN_FILES_MAX
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < wanted:
            fitting = max(soft - _OWN_FILES_MAX, soft // 4)
            return replace(settings, connections_max=fitting)
    return settings


_METRICS = Role(speaks_rest=False, speaks_s3=False)


def _metrics_listeners(settings: Settings) -> list[Listener]:
    return [] if settings.metrics is None else [Listener(settings.metrics, _METRICS)]


async def _serve(
    given: Arguments, bound: Sequence[Bound], key: tuple[str | None, str | None]
) -> int:
    loop = asyncio.get_running_loop()
    settings = given.settings
    stop = asyncio.Event()
    failures: list[DurabilityLostError] = []

    def fail(error: DurabilityLostError) -> None:
        failures.append(error)
        loop.call_soon_threadsafe(stop.set)

    async with AsyncExitStack() as stack:
        tls = None if settings.tls is None else TlsContext(settings.tls)
        access_log = None
        if settings.access_log is not None:
            access_log = AccessLog(settings.access_log)
            stack.push_async_callback(access_log.close)
        _check_metrics(settings, bound)
        application = await Application.open(
            given.directory, settings, on_fatal=fail, access_log=access_log
        )
        # What is there now stays: no collection need look at it again.
        gc.freeze()
        gc.set_threshold(_GC_YOUNG_COUNT, _GC_GENERATIONS, _GC_GENERATIONS)
        start_full_purge(application.engine)
        if given.settings.uploads_kept_h:
            start_expiring(application.engine, given.settings.uploads_kept_h)
        application.lost_runs.start()
        try:
            if given.init_admin:
                await _init_admin(application, key)
            elif not all(one.is_loopback for one in bound):
                await _offer_setup(application)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stop.set)
            loop.add_signal_handler(signal.SIGHUP, _read_again, tls, access_log)
            await _listen_until(stop, application, bound, tls, given, failures)
        finally:
            if not failures:
                await application.close()
    if failures:
        print(f"error: {failures[0]}", file=sys.stderr, flush=True)
        # What else would close now could only pretend to have written something.
        os._exit(1)
    return 0


def _check_metrics(settings: Settings, bound: Sequence[Bound]) -> None:
    """Return if nobody but who may reads the figures.

    Raises:
        StartupError: others would reach them.
    """
    for one in bound:
        if (
            one.listener.role is _METRICS
            and not one.is_loopback
            and not settings.expose_metrics
        ):
            raise StartupError(
                f"cannot show figures on '{one.endpoint}': others can reach it, and they "
                "need no key: use 127.0.0.1, or say '--expose-metrics'"
            )


def _find_foreign_ports(one: Bound, bound: Sequence[Bound]) -> set[int]:
    """Return the ports of those of `bound` whose buckets mean something else."""
    roles = {other.endpoint.port: other.listener.role for other in bound}
    return {
        port
        for port, role in roles.items()
        if port != one.endpoint.port
        and role.speaks_s3
        and role.flat_ref != one.listener.role.flat_ref
    }


def _read_again(tls: TlsContext | None, access_log: AccessLog | None) -> None:
    """Do what SIGHUP asks for."""
    if access_log is not None:
        access_log.reopen()
    if tls is not None:
        try:
            tls.reload()
        except StartupError as error:
            log.error("cannot read the certificate again", extra={"error": str(error)})


async def _listen_until(
    stop: asyncio.Event,
    application: Application,
    bound: Sequence[Bound],
    tls: TlsContext | None,
    given: Arguments,
    failures: Sequence[DurabilityLostError],
) -> None:
    """Accept connections until `stop`; then let what runs finish."""
    loop = asyncio.get_running_loop()
    metrics, answer_metrics = application.make_metrics_server()
    listeners: list[asyncio.Server] = []
    for one in bound:
        factory: ProtocolFactory = answer_metrics
        if one.listener.role is not _METRICS:
            factory = application.listen(
                one.listener.role, foreign_ports=_find_foreign_ports(one, bound)
            )
        is_encrypted = _is_encrypted(one, tls)
        listeners.append(
            await loop.create_server(
                factory,
                sock=one.socket,
                backlog=BACKLOG,
                ssl=tls.context if tls is not None and is_encrypted else None,
                ssl_handshake_timeout=(
                    given.settings.handshake_s_max if is_encrypted else None
                ),
            )
        )
    _announce(given, bound, tls)
    await stop.wait()
    for listener in listeners:
        listener.close()
    if not failures:
        await application.stop()
        await metrics.stop(0)


def _is_encrypted(bound: Bound, tls: TlsContext | None) -> bool:
    """Tell whether connections use TLS: all, but those for figures on this machine."""
    is_local = bound.listener.role is _METRICS and bound.is_loopback
    return tls is not None and not is_local


def _announce(given: Arguments, bound: Sequence[Bound], tls: TlsContext | None) -> None:
    lines: list[str] = []
    for one in bound:
        is_encrypted = _is_encrypted(one, tls)
        if not one.is_loopback and not is_encrypted:
            print(
                f"warning: listening on {one.endpoint.host}, where others can reach it, "
                "without TLS: use '--tls-cert' and '--tls-key', or put a proxy that has "
                "it in front",
                file=sys.stderr,
                flush=True,
            )
        url = f"{'https' if is_encrypted else 'http'}://{one.endpoint}"
        lines.append(_describe(one.listener, url))
    first, *others = lines
    for line in others:
        print(line)
    print(f"lakebed ready on {first} ({given.directory})", flush=True)


def _describe(listener: Listener, url: str) -> str:
    role = listener.role
    if role is _METRICS:
        return f"figures on {url}/metrics"
    if role.flat_ref is not None:
        return f"S3 at the ref '{role.flat_ref}' on {url}"
    if not role.speaks_rest:
        return f"S3 on {url}"
    return url


async def _offer_setup(application: Application) -> None:
    """Print how somebody who is not on this machine creates the first user."""
    token = await application.auth.make_setup_token()
    if token is not None:
        print(
            "there is no user yet: make one with POST /api/v1/setup_lakefs and the "
            f"header, shown this once:\n  {SETUP_TOKEN_HEADER}: {token}",
            flush=True,
        )


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

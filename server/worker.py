"""One worker process: from its bound sockets to its exit.

A server of one process is one of these by itself, and of several each is one, started by
the supervisor (`supervising/`). It accepts until it is told to stop: by SIGTERM or SIGINT,
or, of several, by its supervisor, who may also give its place to another one. What runs
may finish then; if it is alone, a second signal cuts that off. SIGHUP makes it read the certificate again,
and go on in a new access log. After a failed fsync it exits with 1 at once: nothing says
any more what is on the disk, and whoever starts it again reads what really is.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from lakebed.client.wire.routes import SETUP_TOKEN_HEADER

from .allocator import give_back_after_crowds, keep_less_freed_memory
from .announcing import is_encrypted, say_failure
from .app import Application
from .arguments import FIRST_USER, KEY_ID_VARIABLE, SECRET_VARIABLE, Arguments
from .auth.secrets import AccessKey, make_access_key
from .errors import DurabilityLostError, StartupError
from .httprules.forms import ignore_malformed_names
from .repository.publishing import start_full_purge
from .repository.uploads import start_expiring
from .serving.accepting import Acceptor
from .serving.access_log import AccessLog
from .serving.draining import DrainingServer, ProtocolFactory
from .serving.listeners import Bound
from .serving.metrics import MetricsPage, make_metrics_server, refuse_malformed
from .serving.snapshot import Snapshot
from .serving.tls import TlsContext
from .settings import METRICS, Settings

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
_STOP_PARTING_S_MAX = 0.5
"""Time that clients have at a stop to ask once more and be told in the answer that there
is no more. Those under way ask within milliseconds, and nobody waits for a stop so short."""
_OWN_FILES_MAX = 512
"""Descriptors that packs, the database and its readers take at most."""

Key = tuple[str | None, str | None]
"""The id and the secret that the environment gives for the first user."""


def set_up_process(given: Arguments) -> Arguments:
    """Make this process one that serves; return `given` with limits that it can keep."""
    keep_less_freed_memory()
    ignore_malformed_names()
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    return replace(given, settings=_fit_open_files(given.settings))


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


class Worker:
    """Serves on sockets until it is told to stop."""

    def __init__(
        self,
        given: Arguments,
        bound: Sequence[Bound],
        *,
        on_ready: Callable[[Worker], None],
        on_leaving: Callable[[Worker], None],
        is_alone: bool,
    ) -> None:
        """Serve `bound` as `given` says, on the running loop.

        Args:
            given: what the server was started with.
            bound: where to accept; closed when it stops.
            on_ready: told when it accepts.
            on_leaving: told when it does not any more, and lets what runs finish.
            is_alone: there is no supervisor who could say that it should end at once.
        """
        self._given = given
        self._bound = bound
        self._on_ready = on_ready
        self._on_leaving = on_leaving
        self._is_alone = is_alone
        self._leaving = asyncio.Event()
        self._is_told_to_stop = False
        self._failure: DurabilityLostError | None = None
        self._listening: dict[Bound, Acceptor] = {}
        self._tls: TlsContext | None = None
        self._access_log: AccessLog | None = None
        self._application: Application | None = None
        self._metrics: DrainingServer | None = None
        self._metrics_listening: Acceptor | None = None

    async def run(self, key: Key, *, sets_up: bool) -> None:
        """Serve until told to stop; after a failed fsync the process ends here.

        Args:
            key: the first user's, if the environment has it.
            sets_up: make the first user, or say how to, if there is none.

        Raises:
            StartupError: it cannot serve; says why and what to do.
        """
        settings = self._given.settings
        async with AsyncExitStack() as stack:
            self._tls = None if settings.tls is None else TlsContext(settings.tls)
            if settings.access_log is not None:
                self._access_log = AccessLog(settings.access_log)
                stack.push_async_callback(self._access_log.close)
            stack.push_async_callback(self._end_metrics)
            self._application = application = await Application.open(
                self._given.directory,
                settings,
                on_fatal=self._fail(asyncio.get_running_loop()),
                access_log=self._access_log,
                why_not_ready=self.why_not_ready,
            )
            try:
                # What is there now stays: no collection need look at it again.
                gc.freeze()
                gc.set_threshold(_GC_YOUNG_COUNT, _GC_GENERATIONS, _GC_GENERATIONS)
                start_full_purge(application.engine)
                if settings.uploads_kept_h:
                    start_expiring(application.engine, settings.uploads_kept_h)
                application.lost_runs.start()
                giving_back = asyncio.ensure_future(
                    give_back_after_crowds(self._count_connections)
                )
                stack.callback(giving_back.cancel)
                if sets_up:
                    await self._set_up(key)
                self._heed_signals()
                for one in self._bound:
                    self.accept(one)
                self._on_ready(self)
                await self._leaving.wait()
                await self._leave()
            finally:
                if self._failure is None:
                    await application.close()
            if self._failure is not None:
                say_failure(self._failure)
                # What else would close now could only pretend to have written something.
                os._exit(1)

    def _count_connections(self) -> int:
        assert self._application is not None
        return self._application.edge.server.connection_count

    def _fail(
        self, loop: asyncio.AbstractEventLoop
    ) -> Callable[[DurabilityLostError], None]:
        """Return what a failed fsync is told to, in whichever thread it was."""

        def fail(error: DurabilityLostError) -> None:
            self._failure = error
            loop.call_soon_threadsafe(self._leaving.set)

        return fail

    def _heed_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._heed_stop)
        loop.add_signal_handler(signal.SIGHUP, self.read_again)

    def _heed_stop(self) -> None:
        # A supervisor and its workers may all be sent a signal, and the supervisor then
        # sends another one to each: that is not said twice.
        if self._is_alone and self._is_told_to_stop:
            self.cut_off()
        elif not self._is_told_to_stop:
            self.stop()

    # --- what it may be told ------------------------------------------------------------

    def stop(self) -> None:
        """Accept no more, and end when what runs is done."""
        self._is_told_to_stop = True
        if self._leaving.is_set() and self._application is not None:
            self._application.edge.server.end_parting()
        self._leaving.set()

    def cut_off(self) -> None:
        """End at once."""
        self._is_told_to_stop = True
        self._leaving.set()
        if self._application is not None:
            self._application.edge.server.end_parting()
            self._application.edge.server.cut_off()

    def part(self) -> None:
        """Leave the place to another one, so that no client has a request refused."""
        self._leaving.set()

    def read_again(self) -> None:
        """Go on in a new access log, with the certificate that is there now."""
        if self._access_log is not None:
            self._access_log.reopen()
        if self._tls is not None:
            try:
                self._tls.reload()
            except StartupError as error:
                log.error(
                    "cannot read the certificate again", extra={"error": str(error)}
                )

    def why_not_ready(self) -> str | None:
        """Return why no work is accepted any more; None: it is.

        One that parts is replaced, and whoever comes again finds another one: that is no
        reason to send them elsewhere.
        """
        if self._failure is not None:
            return "what was written last may not be on the disk"
        return "the server stops" if self._is_told_to_stop else None

    def read_figures(self) -> Snapshot:
        """Return what the worker has counted by now."""
        assert self._application is not None
        return self._application.read_figures()

    def accept(self, one: Bound) -> None:
        """Accept connections on `one`, until it is closed."""
        settings = self._given.settings
        encrypts = is_encrypted(one, settings) and self._tls is not None
        listening = one.socket.dup()  # so that it can be taken up again after a while
        listening.setblocking(False)
        self._listening[one] = Acceptor(
            listening,
            self._protocol_of(one),
            tls=self._tls.context if encrypts and self._tls is not None else None,
            handshake_s_max=settings.handshake_s_max,
        )

    def refuse(self, one: Bound) -> None:
        """Accept no more on `one`: another worker does."""
        listening = self._listening.pop(one, None)
        if listening is not None:
            listening.close()

    # ------------------------------------------------------------------------------------

    def _protocol_of(self, one: Bound) -> ProtocolFactory:
        """Return what makes the protocol of each connection."""
        assert self._application is not None
        if one.listener.role is not METRICS:
            ports = _find_foreign_ports(one, self._bound)
            return self._application.listen(one.listener.role, foreign_ports=ports)

        async def read() -> Snapshot:
            return self.read_figures()

        settings = self._given.settings
        self._metrics, protocol = make_metrics_server(
            MetricsPage(read, self.why_not_ready, is_exposed=settings.expose_metrics),
            head_s_max=settings.head_s_max,
            keepalive_s=settings.keepalive_s,
            refuse=refuse_malformed,
        )
        return protocol

    async def _leave(self) -> None:
        """Accept no more, and let what runs finish."""
        for one in list(self._listening):
            # Whoever watches the server watches its end as well.
            if one.listener.role is METRICS:
                self._metrics_listening = self._listening.pop(one)
            else:
                self.refuse(one)
        for one in self._bound:
            one.socket.close()
        self._on_leaving(self)
        if self._failure is not None:
            return
        assert self._application is not None
        settings = self._given.settings
        await self._application.edge.server.part(
            min(_STOP_PARTING_S_MAX, settings.parting_s_max)
            if self._is_told_to_stop
            else settings.parting_s_max
        )
        await self._application.stop()

    async def _end_metrics(self) -> None:
        if self._metrics_listening is not None:
            self._metrics_listening.close()
        if self._metrics is not None:
            await self._metrics.stop(0)

    async def _set_up(self, key: Key) -> None:
        assert self._application is not None
        if self._given.init_admin:
            await _init_admin(self._application, key)
        elif not all(one.is_loopback for one in self._bound):
            await _offer_setup(self._application)


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


async def _offer_setup(application: Application) -> None:
    """Print how somebody who is not on this machine creates the first user."""
    token = await application.auth.make_setup_token()
    if token is not None:
        print(
            "there is no user yet: make one with POST /api/v1/setup_lakefs and the "
            f"header, shown this once:\n  {SETUP_TOKEN_HEADER}: {token}",
            flush=True,
        )


async def _init_admin(application: Application, given: Key) -> None:
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

"""Where the supervisor shows the figures of all workers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from ..announcing import is_encrypted
from ..errors import StartupError
from ..serving.listeners import BACKLOG, Bound
from ..serving.metrics import MetricsPage, make_metrics_server, refuse_malformed
from ..serving.readiness import WhyNotReady
from ..serving.snapshot import Snapshot
from ..serving.tls import TlsContext
from ..settings import Settings

log = logging.getLogger(__name__)


class FiguresServer:
    """Answers whoever asks for figures, at the places that were bound for it, if any."""

    def __init__(
        self,
        settings: Settings,
        bound: Sequence[Bound],
        read: Callable[[], Awaitable[Snapshot]],
        why_not_ready: WhyNotReady,
    ) -> None:
        """Show on `bound` what `read` and `why_not_ready` return."""
        self.bound = bound
        self._settings = settings
        self._server, self._protocol = make_metrics_server(
            MetricsPage(read, why_not_ready, is_exposed=settings.expose_metrics),
            head_s_max=settings.head_s_max,
            keepalive_s=settings.keepalive_s,
            refuse=refuse_malformed,
        )
        self._tls: TlsContext | None = None
        self._listening: list[asyncio.Server] = []

    async def open(self) -> None:
        """Begin to answer.

        Raises:
            StartupError: the certificate cannot be used.
        """
        settings = self._settings
        for one in self.bound:
            encrypts = is_encrypted(one, settings)
            if encrypts and settings.tls is not None:
                self._tls = self._tls or TlsContext(settings.tls)
            self._listening.append(
                await asyncio.get_running_loop().create_server(
                    self._protocol,
                    sock=one.socket,
                    backlog=BACKLOG,
                    ssl=None if self._tls is None else self._tls.context,
                    ssl_handshake_timeout=(
                        settings.handshake_s_max if encrypts else None
                    ),
                )
            )

    def read_again(self) -> None:
        """Read the certificate again."""
        if self._tls is not None:
            try:
                self._tls.reload()
            except StartupError as error:
                log.error(
                    "cannot read the certificate again", extra={"error": str(error)}
                )

    async def close(self) -> None:
        """Accept no more, and let go of who is still there."""
        for listening in self._listening:
            listening.close()
        await self._server.stop(0)

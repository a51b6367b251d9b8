"""Figures for Prometheus, made when they are asked for; and whether the server is ready.

Nothing is counted twice: the parts of the server keep their own counters, and here they
are read. Only this machine may ask, unless the operator has said otherwise; a name in
`Host` that is not of this machine is refused too, for a page that a browser shows could
have been made to ask.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version

from aiohttp import hdrs, web
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from .connection import Refuse
from .draining import DrainingServer, ProtocolFactory
from .exchange import Exchange
from .hosts import names_this_machine
from .readiness import READY, WhyNotReady, answer_ready
from .snapshot import Snapshot
from .traffic import SECONDS_BOUNDS, Row

_CONNECTIONS_MAX = 16
"""Prometheus needs one, and a person with a browser some more."""


class LakeCollector(Collector):
    """Makes figures of what was counted."""

    def __init__(self, snapshot: Snapshot) -> None:
        """Show `snapshot`."""
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        """Yield all figures."""
        yield InfoMetricFamily(
            "lakebed_build", "What runs.", value={"version": version("lakebed")}
        )
        yield from self._collect_traffic()
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for figure in self._snapshot.figures:
            if figure.name not in families:
                kind = CounterMetricFamily if figure.only_grows else GaugeMetricFamily
                names = [name for name, _ in figure.labels]
                families[figure.name] = kind(
                    f"lakebed_{figure.name}", figure.help, labels=names
                )
            values = [value for _, value in figure.labels]
            families[figure.name].add_metric(values, figure.value)
        yield from families.values()

    def _collect_traffic(self) -> Iterable[Metric]:
        labels = ["protocol", "operation"]
        requests = CounterMetricFamily(
            "lakebed_requests", "Requests answered.", labels=[*labels, "status"]
        )
        seconds = HistogramMetricFamily(
            "lakebed_request_seconds",
            "Time from the head of a request to the end of its answer.",
            labels=labels,
        )
        received = CounterMetricFamily(
            "lakebed_received_bytes", "Bytes of request bodies.", labels=labels
        )
        sent = CounterMetricFamily(
            "lakebed_sent_bytes", "Bytes of answers, heads included.", labels=labels
        )
        for place, row in sorted(self._snapshot.rows.items()):
            for hundreds, count in enumerate(row.statuses):
                if count:
                    requests.add_metric([*place, f"{hundreds}xx"], count)
            seconds.add_metric(place, _buckets(row), row.seconds)
            received.add_metric(place, row.received_bytes)
            sent.add_metric(place, row.sent_bytes)
        failures = CounterMetricFamily(
            "lakebed_failures",
            "Answers of 5xx, by what went wrong.",
            labels=["protocol", "failure"],
        )
        for place, count in sorted(self._snapshot.failures.items()):
            failures.add_metric(place, count)
        yield from (requests, seconds, received, sent, failures)


def _buckets(row: Row) -> list[tuple[str, float]]:
    bounds = [*(repr(bound) for bound in SECONDS_BOUNDS), "+Inf"]
    total = 0
    buckets: list[tuple[str, float]] = []
    for bound, count in zip(bounds, row.buckets, strict=True):
        total += count
        buckets.append((bound, total))
    return buckets


class MetricsPage:
    """Answers whoever asks for figures, or whether the server is ready."""

    def __init__(
        self,
        read: Callable[[], Awaitable[Snapshot]],
        why_not_ready: WhyNotReady,
        *,
        is_exposed: bool,
    ) -> None:
        """Show what `read` returns, and what this process takes of the machine.

        Args:
            read: called for each answer.
            why_not_ready: says whether the server accepts work.
            is_exposed: others than this machine may ask.
        """
        self._read = read
        self._why_not_ready = why_not_ready
        self._is_exposed = is_exposed

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer `request`."""
        host = request.headers.get(hdrs.HOST, "")
        if not self._is_exposed and not names_this_machine(host):
            return _answer(403, "only this machine may ask\n")
        path = request.raw_path.partition("?")[0]
        if path not in ("/metrics", READY):
            return _answer(404, f"figures are at /metrics, and there is {READY}\n")
        if request.method not in ("GET", "HEAD"):
            return _answer(405, "figures can be read only\n")
        if path == READY:
            said = answer_ready(self._why_not_ready())
            return web.Response(
                status=said.status,
                body=said.text.encode(),
                headers={**_HEADERS, **said.headers},
            )
        registry = CollectorRegistry(auto_describe=False)
        registry.register(LakeCollector(await self._read()))
        ProcessCollector(registry=registry)
        data = generate_latest(registry)
        return web.Response(
            body=data, headers={**_HEADERS, "Content-Type": CONTENT_TYPE_LATEST}
        )


def make_metrics_server(
    page: MetricsPage, *, head_s_max: float, keepalive_s: float, refuse: Refuse
) -> tuple[DrainingServer, ProtocolFactory]:
    """Return what answers whoever asks for figures.

    Apart from all else: figures are wanted most when the server is at its limits.
    """
    server = DrainingServer(
        lambda request, response: None,
        connections_max=_CONNECTIONS_MAX,
        head_s_max=head_s_max,
        access_log=None,
        keepalive_timeout=keepalive_s,
    )
    return server, server.listen(page.handle, refuse)


def refuse_malformed(exchange: Exchange, is_too_long: bool) -> web.StreamResponse:
    """Return the answer to what does not parse."""
    return _answer(431 if is_too_long else 400, "this is no HTTP request\n")


_HEADERS = {"Server": "lakebed", "X-Content-Type-Options": "nosniff"}


def _answer(status: int, text: str) -> web.StreamResponse:
    return web.Response(status=status, text=text, headers=_HEADERS)

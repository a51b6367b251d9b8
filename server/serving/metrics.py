"""Figures for Prometheus, made when they are asked for.

Nothing is counted twice: the parts of the server keep their own counters, and here they
are read. Only this machine may ask, unless the operator has said otherwise; a name in
`Host` that is not of this machine is refused too, for a page that a browser shows could
have been made to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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

from .hosts import names_this_machine
from .traffic import SECONDS_BOUNDS, Row, Traffic


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a part of the server keeps."""

    name: str
    """With its unit; `_total` is added to what only grows."""
    help: str
    read: Callable[[], float]
    only_grows: bool = False


class LakeCollector(Collector):
    """Makes figures of the counters of a process."""

    def __init__(self, traffic: Traffic, figures: Sequence[Figure]) -> None:
        """Read `traffic`, and each of `figures`."""
        self._traffic = traffic
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Yield all figures."""
        yield InfoMetricFamily(
            "lakebed_build", "What runs.", value={"version": version("lakebed")}
        )
        yield from self._collect_traffic()
        for figure in self._figures:
            kind = CounterMetricFamily if figure.only_grows else GaugeMetricFamily
            yield kind(f"lakebed_{figure.name}", figure.help, value=figure.read())

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
        for place, row in sorted(self._traffic.rows.items()):
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
        for place, count in sorted(self._traffic.failures.items()):
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
    """Answers whoever asks for figures."""

    def __init__(
        self, traffic: Traffic, figures: Sequence[Figure], *, is_exposed: bool
    ) -> None:
        """Show `traffic`, `figures`, and what the process takes of the machine.

        Args:
            traffic: what requests came to.
            figures: of the parts of the server.
            is_exposed: others than this machine may ask.
        """
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(LakeCollector(traffic, figures))
        ProcessCollector(registry=self._registry)
        self._is_exposed = is_exposed

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer `request`."""
        host = request.headers.get(hdrs.HOST, "")
        if not self._is_exposed and not names_this_machine(host):
            return _answer(403, "only this machine may ask\n")
        if request.raw_path.partition("?")[0] != "/metrics":
            return _answer(404, "figures are at /metrics\n")
        if request.method not in ("GET", "HEAD"):
            return _answer(405, "figures can be read only\n")
        data = generate_latest(self._registry)
        return web.Response(
            body=data, headers={**_HEADERS, "Content-Type": CONTENT_TYPE_LATEST}
        )


_HEADERS = {"Server": "lakebed", "X-Content-Type-Options": "nosniff"}


def _answer(status: int, text: str) -> web.StreamResponse:
    return web.Response(status=status, text=text, headers=_HEADERS)

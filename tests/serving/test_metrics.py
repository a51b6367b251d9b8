"""Figures for Prometheus: right, bounded in their labels, and for this machine only."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from urllib.parse import urlsplit

import pytest
from lakebed.server.api.routes import ROUTES
from lakebed.server.s3.table import TABLE
from lakebed.server.serving.traffic import Traffic
from prometheus_client.parser import text_string_to_metric_families

from support.edges import at, connect
from support.s3server import Answer, ServerProcess, run_server, start_process

Labels = frozenset[tuple[str, str]]


@dataclass
class Figures:
    """What was scraped at one time."""

    samples: dict[tuple[str, Labels], float]

    def get(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of `name` that have `labels`."""
        return sum(
            value
            for (each, found), value in self.samples.items()
            if each == name and found >= set(labels.items())
        )

    def values_of(self, label: str) -> set[str]:
        return {
            value
            for _, labels in self.samples
            for name, value in labels
            if name == label
        }


@dataclass
class Measured:
    """A server whose figures are read."""

    server: ServerProcess

    def ask(
        self, path: str = "/metrics", method: str = "GET", host: str = ""
    ) -> Answer:
        address = urlsplit(at(self.server, "figures").url).netloc
        connection = http.client.HTTPConnection(address, timeout=30)
        connection.request(method, path, headers={"Host": host or address})
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, headers, response.read())
        connection.close()
        return answer

    def scrape(self) -> Figures:
        samples: dict[tuple[str, Labels], float] = {}
        for family in text_string_to_metric_families(self.ask().body.decode()):
            for sample in family.samples:
                place = (sample.name, frozenset(sample.labels.items()))
                assert place not in samples, f"{place} is there twice"
                samples[place] = sample.value
        return Figures(samples)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    directory = tmp_path_factory.mktemp("metrics") / "lake"
    with run_server(directory, "--metrics", "127.0.0.1:0") as server:
        server.create_repository("measured")
        yield Measured(server)


def test_requests_are_counted_by_what_they_asked_and_got(measured: Measured) -> None:
    server, before = measured.server, measured.scrape()

    for number in range(3):
        server.send("PUT", f"/measured/main/{number}", body=b"1234%d" % number)
    server.send("GET", "/measured/main/1")
    server.send("GET", "/measured/main/none")
    server.send_as_it_is("GET", "/api/v1/healthcheck", {})
    server.commit("measured")

    after = measured.scrape()

    def grew(name: str, **labels: str) -> float:
        return after.get(name, **labels) - before.get(name, **labels)

    put = {"protocol": "s3", "operation": "PutObject"}
    assert grew("lakebed_requests_total", **put, status="2xx") == 3
    assert grew("lakebed_received_bytes_total", **put) == 15
    assert grew("lakebed_request_seconds_count", **put) == 3
    assert 0 < grew("lakebed_request_seconds_sum", **put) < 60
    assert grew("lakebed_request_seconds_bucket", **put, le="+Inf") == 3
    get = {"protocol": "s3", "operation": "GetObject"}
    assert grew("lakebed_requests_total", **get, status="2xx") == 1
    assert grew("lakebed_requests_total", **get, status="4xx") == 1
    assert grew("lakebed_sent_bytes_total", **get) > 300
    rest = {"protocol": "rest", "operation": "healthCheck"}
    assert grew("lakebed_requests_total", **rest, status="2xx") == 1
    assert grew("lakebed_requests_total", operation="commit") == 1
    assert grew("lakebed_writes_total") >= 4
    assert grew("lakebed_write_groups_total") >= 4
    assert grew("lakebed_pack_syncs_total") >= 3


def test_the_parts_and_the_process_are_shown(measured: Measured) -> None:
    figures = measured.scrape()

    for name in ("lakebed_waiting_writes", "lakebed_waiting_write_bytes"):
        assert any(name == each for each, _ in figures.samples), name
    for name in (
        "lakebed_running_requests",
        "lakebed_running_uploads",
        "lakebed_waiting_uploads",
        "lakebed_refused_writes_total",
        "lakebed_refused_connections_total",
        "lakebed_lost_access_log_lines_total",
    ):
        assert figures.get(name) == 0, name
        assert any(name == each for each, _ in figures.samples), name
    assert figures.get("lakebed_build_info") == 1
    assert figures.get("process_open_fds") > 5
    assert figures.get("process_resident_memory_bytes") > 10_000_000
    assert figures.get("lakebed_node_cache_misses_total") >= 0


def test_what_runs_is_shown_while_it_runs(measured: Measured) -> None:
    server, target = measured.server, "/measured/main/running"
    headers = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}
    signed = server.sign("PUT", target, headers)
    lines = [f"PUT {target} HTTP/1.1", f"Host: {server.address}"]
    lines += [f"{name}: {value}" for name, value in signed.items()]
    lines += ["Content-Length: 600000", "Expect: 100-continue", "", ""]
    with connect(server) as connection:
        connection.sendall("\r\n".join(lines).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")

        figures = measured.scrape()

        assert figures.get("lakebed_running_requests") == 1
        assert figures.get("lakebed_running_uploads") == 1
        assert figures.get("lakebed_open_connections") == 1
        connection.sendall(b"x" * 600_000)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
    figures = measured.scrape()
    assert figures.get("lakebed_running_requests") == 0
    assert figures.get("lakebed_running_uploads") == 0


def test_no_label_is_what_a_client_makes_up(measured: Measured) -> None:
    """Else anyone could fill the memory of whoever collects the figures."""
    server = measured.server
    for number in range(20):
        server.send("PROPFIND", f"/measured/main/x{number}")
        server.send("GET", f"/measured{number}/main/x?sub{number}")
        server.send("GET", f"/measured/main/x{number}?uploadId={number}")
        server.send_as_it_is("GET", f"/api/v1/route{number}", {})
        with connect(server) as connection:
            connection.sendall(f"nonsense{number}\r\n\r\n".encode())
            connection.recv(1000)

    figures = measured.scrape()

    tables = {row.name for row in TABLE} | {route.name for route in ROUTES}
    assert figures.values_of("operation") <= tables | {"-", "Hint", "Malformed"}
    assert figures.values_of("protocol") <= {"s3", "rest", "http"}
    assert figures.values_of("status") <= {"2xx", "3xx", "4xx", "5xx"}
    assert figures.values_of("failure") == {"NotImplemented"}
    assert figures.get("lakebed_requests_total", operation="Malformed") == 20


def test_names_of_operations_are_told_apart() -> None:
    names = [route.name for route in ROUTES]

    assert len(set(names)) == len(names)
    assert all(name[0].islower() for name in names)  # S3 has capitals there


@pytest.mark.parametrize(
    ("path", "method", "host", "status"),
    [
        ("/metrics", "GET", "", 200),
        ("/metrics?name=x", "GET", "localhost:1", 200),
        ("/metrics", "GET", "[::1]:1", 200),
        ("/metrics", "HEAD", "", 200),
        ("/metrics", "GET", "evil.test", 403),
        ("/metrics", "GET", "127.0.0.1.evil.test", 403),
        ("/metrics", "GET", "a]b", 403),
        ("/metrics", "POST", "", 405),
        ("/", "GET", "", 404),
        ("/measured/main/x", "GET", "", 404),
        ("/api/v1/healthcheck", "GET", "", 404),
    ],
)
def test_only_figures_are_given_and_only_to_this_machine(
    measured: Measured, path: str, method: str, host: str, status: int
) -> None:
    assert measured.ask(path, method, host).status == status


def test_elsewhere_there_are_no_figures(measured: Measured) -> None:
    assert measured.server.send_as_it_is("GET", "/metrics", {}).status == 403
    assert b"lakebed_" not in measured.server.send("GET", "/metrics").body


def test_figures_are_shown_at_the_limits(tmp_path: Path) -> None:
    limits = ["--limit=connections_max=1", "--limit=requests_max=1"]
    with (
        run_server(tmp_path / "lake", "--metrics", "127.0.0.1:0", *limits) as server,
        connect(server) as first,
    ):
        first.sendall(b"GET /api/v1/healthcheck HTTP/1.1\r\nHost: a\r\n\r\n")
        assert first.recv(100).startswith(b"HTTP/1.1 204")
        with connect(server) as second:
            assert second.recv(100).startswith(b"HTTP/1.1 503")

        figures = Measured(server).scrape()

    assert figures.get("lakebed_refused_connections_total") == 1


def test_addresses_that_others_reach_are_refused(tmp_path: Path) -> None:
    """0.0.0.0 is never listened on here: it is refused before that."""
    process = start_process(
        tmp_path / "lake", "--listen", "127.0.0.1:0", "--metrics", "0.0.0.0:0"
    )
    out, err = process.communicate(timeout=60)

    assert (process.returncode, out) == (1, "")
    assert err.startswith("error: cannot show figures on '0.0.0.0")
    assert "--expose-metrics" in err


def test_counting_a_request_costs_next_to_nothing() -> None:
    """A generous bound, so that a busy machine does not fail it; it takes 0.5 us."""
    traffic = Traffic()
    count = 20_000
    best = 1.0
    for _ in range(5):
        started = perf_counter()
        for _ in range(count):
            traffic.add("s3", "GetObject", 200, 0.0012, 0, 1500)
        best = min(best, (perf_counter() - started) / count)

    assert traffic.rows["s3", "GetObject"].statuses[2] == 5 * count
    assert best < 10e-6


def test_times_fall_into_the_bucket_of_their_bound() -> None:
    traffic = Traffic()
    for seconds in (0.0005, 0.001, 0.0011, 299.0, 1000.0):
        traffic.add("s3", "x", 200, seconds, 0, 0)

    buckets = traffic.rows["s3", "x"].buckets
    assert (buckets[0], buckets[1], buckets[-2], buckets[-1]) == (2, 1, 1, 1)

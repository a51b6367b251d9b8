"""A server of runs behind a proxy that loses what it is told to, for recorders in a hurry."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from lakebed.client.blocking.loop import LoopThread
from lakebed.client.retrying import NO_RETRIES
from lakebed.client.runs.pace import Pace
from lakebed.client.wire.runs import RunBatch

from .losing import LosingProxy, losing_proxy
from .run_server import RunServer, serve_runs

FAST = Pace(
    flush_s=0.005,
    retry_s=0.001,
    retry_s_max=0.01,
    finish_retry_s_max=0.01,
    retries=NO_RETRIES,
)


@contextmanager
def serving(
    refuse: Callable[[RunBatch], str] = lambda batch: "",
) -> Generator[tuple[RunServer, LosingProxy]]:
    """Run a server and a proxy before it, on a loop of their own.

    `refuse` says why a batch is refused; empty: it is not.
    """
    loop = LoopThread()
    server_context = serve_runs()
    server = loop.run(server_context.__aenter__())
    server.refuse = refuse
    proxy_context = losing_proxy(server.url)
    proxy = loop.run(proxy_context.__aenter__())
    try:
        yield server, proxy
    finally:
        loop.run(proxy_context.__aexit__(None, None, None))
        loop.run(server_context.__aexit__(None, None, None))
        loop.close()

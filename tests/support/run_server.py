"""A server of runs in memory: what it takes of a run is what a recorder is held to.

It keeps to the contract of `RunBatch` and nothing more: a batch whose sequence is not
above the last one of its writer adds nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from lakebed.client.wire import BatchTaken, Body, KeptFile, decode, encode
from lakebed.client.wire.runs import (
    MetricValue,
    Missing,
    Run,
    RunBatch,
    RunCreation,
    RunEnd,
    RunStart,
)

Point = tuple[MetricValue, int]


@dataclass(slots=True)
class TakenRun:
    """What a server was told of one run."""

    points: dict[str, list[Point]] = field(default_factory=dict[str, list[Point]])
    params: dict[str, object] = field(default_factory=dict[str, object])
    log: str = ""
    missing: list[Missing] = field(default_factory=list[Missing])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    end: RunEnd | None = None
    batches: int = 0
    empty_batches: int = 0
    parts: dict[str, object] = field(default_factory=dict[str, object])
    creation: RunCreation | None = None

    def shown(self, name: str) -> Run:
        """Return the run as the server tells it."""
        end = self.end
        return Run(
            id=name,
            repository="penguins",
            experiment="",
            status=end.status if end is not None else "running",
            user="ann",
            host="",
            started_ms=0,
            heard_ms=0,
            ended_ms=end.ended_ms if end is not None else None,
            exit_code=end.exit_code if end is not None else None,
            parent=None,
            rerun_of=None,
            record="0" * 64,
            grade="D",
            reasons=[],
            code={},
            configuration={},
            environment={},
            hardware={},
            seeds={},
            params={},
            metrics=[],
            inputs=[],
            outputs=[],
            files=[],
            missing=end.missing if end is not None else [],
            verdicts=[],
            work_branches=[],
        )


@dataclass(slots=True)
class RunServer:
    """Takes batches, files and ends."""

    url: str = ""
    refuse: Callable[[RunBatch], str] = lambda batch: ""
    """Why a batch is refused; empty: it is not."""
    runs: dict[str, TakenRun] = field(default_factory=dict[str, TakenRun])
    _writers: dict[tuple[str, str], int] = field(
        default_factory=dict[tuple[str, str], int]
    )

    def run(self, name: str) -> TakenRun:
        return self.runs.setdefault(name, TakenRun())

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()
        parts = request.path.split("/")
        if parts[3] == "runs":
            return _answer(self.run(parts[4]).shown(parts[4]))
        if len(parts) == 6:
            return self._begin(decode(body, RunCreation))
        name, what = parts[6], parts[7]
        run = self.run(name)
        if run.end is not None and what != "end":
            return _refuse(409, "run-ended", f"run '{name}' has ended")
        match what:
            case "batches":
                return self._take(run, name, decode(body, RunBatch))
            case "files":
                kept = request.query["name"]
                run.files[kept] = body
                return _answer(KeptFile(name=kept, blob_id="", size_bytes=len(body)))
            case _:
                end = decode(body, RunEnd)
                if run.end is not None and run.end.status != end.status:
                    return _refuse(409, "run-ended", f"run '{name}' has ended")
                run.end = end
                return _answer(run.shown(name))

    def _begin(self, creation: RunCreation) -> web.Response:
        name = uuid.uuid4().hex
        run = self.run(name)
        run.creation = creation
        run.params.update(creation.params)
        start = RunStart(
            run=run.shown(name), access_key_id="id", secret_access_key="secret-of-run"
        )
        return _answer(start, status=201)

    def _take(self, run: TakenRun, name: str, batch: RunBatch) -> web.Response:
        reason = self.refuse(batch)
        if reason:
            return _refuse(400, "invalid-value", reason)
        last = self._writers.get((name, batch.writer), 0)
        if batch.sequence > last:
            self._writers[name, batch.writer] = batch.sequence
            run.batches += 1
            run.log += batch.log
            run.params.update(batch.params)
            run.missing += batch.missing
            if batch.code is not None:
                run.parts["code"] = batch.code
            if not (batch.log or batch.params or batch.metrics):
                run.empty_batches += 1
            for each in batch.metrics:
                into = run.points.setdefault(each.name, [])
                into += zip(each.values, each.steps, strict=True)
        return _answer(BatchTaken(sequence=max(last, batch.sequence)))


def _answer(body: Body, *, status: int = 200) -> web.Response:
    return web.Response(
        body=encode(body), status=status, content_type="application/json"
    )


def _refuse(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"message": message, "code": code}, status=status)


@asynccontextmanager
async def serve_runs() -> AsyncGenerator[RunServer]:
    """Serve runs on a free port."""
    server = RunServer()
    runner = web.ServerRunner(web.Server(server.handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()

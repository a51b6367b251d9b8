"""Each point arrives once and in order, whatever is lost on the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.client import ConflictError
from lakebed.client.async_client import AsyncClient
from lakebed.client.blocking.loop import LoopThread
from lakebed.client.runs import spool
from lakebed.client.runs.pace import Pace
from lakebed.client.runs.reach import RunAddress
from lakebed.client.runs.recorder import Recorder
from lakebed.client.runs.spool import Spool, SpoolDamagedError, SpoolHead
from lakebed.client.runs.syncing import Synced, sync
from lakebed.client.wire.runs import RunEnd

from support.losing import Fault
from support.losing_runs import FAST, serving

RUN = "ab" * 16


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "lakebed" / "runs"


def record(
    url: str, warn: Callable[[str], None] = lambda text: None, *, pace: Pace = FAST
) -> Recorder:
    address = RunAddress(url, "penguins", RUN, "id", "secret")
    recorder = Recorder(address, is_owner=True, warn=warn, pace=pace)
    recorder.start()
    return recorder


END = RunEnd(status="succeeded", exit_code=0)

faults = st.lists(st.sampled_from(["request", "answer", "busy", None]), max_size=12)
bursts = st.lists(st.integers(0, 40), min_size=1, max_size=6)


@settings(deadline=None)
@given(faults=faults, bursts=bursts)
def test_each_point_arrives_once_and_in_order_whatever_is_lost(
    faults: list[Fault | None], bursts: list[int]
) -> None:
    with serving() as (server, proxy):
        proxy.decide = lambda number, line: (
            faults[number] if number < len(faults) else None
        )
        recorder = record(proxy.url)
        logged: list[tuple[float, int]] = []
        for burst in bursts:
            for _ in range(burst):
                value = float(len(logged))
                recorder.log_point("loss", value, None)
                recorder.log_text(f"{value}\n")
                logged.append((value, len(logged)))
            recorder.flush(0.0)
        ended = recorder.finish(END, timeout_s=30)
        recorder.close()

        taken = server.run(RUN)
        assert taken.points.get("loss", []) == logged
        assert taken.log == "".join(f"{value}\n" for value, _ in logged)
        assert taken.end == END
        assert ended is not None
        assert ended.status == "succeeded"
        assert proxy.faults == sum(
            fault is not None for fault in faults[: len(proxy.seen)]
        )


def test_a_run_that_was_all_sent_leaves_no_file(state: Path) -> None:
    with serving() as (_, proxy):
        recorder = record(proxy.url)
        recorder.log_point("loss", 1.0, None)
        left = list(state.iterdir())
        assert [path.stat().st_mode & 0o777 for path in left] == [0o600]
        assert state.stat().st_mode & 0o777 == 0o700

        recorder.finish(END, timeout_s=30)
        recorder.close()

        assert list(state.iterdir()) == []


def test_what_a_server_that_was_away_did_not_get_is_sent_by_a_later_process(
    state: Path,
) -> None:
    said: list[str] = []
    with serving() as (server, proxy):
        proxy.decide = lambda number, line: "request"
        recorder = record(proxy.url, said.append)
        for number in range(100):
            recorder.log_point("loss", float(number), None)
        recorder.keep("plot.svg", b"<svg/>")
        assert recorder.finish(END, timeout_s=0.3) is None
        recorder.close()
        assert server.run(RUN).points == {}
        assert len(said) == 1
        assert "waits in" in said[0]

        proxy.decide = lambda number, line: None
        synced = asyncio.run(_sync())

        assert [(each.left, each.problem) for each in synced] == [(0, "")]
        taken = server.run(RUN)
        assert taken.points["loss"] == [(float(n), n) for n in range(100)]
        assert taken.files == {"plot.svg": b"<svg/>"}
        assert taken.end == END
        assert list(state.iterdir()) == []
        assert asyncio.run(_sync()) == []


async def _sync() -> list[Synced]:
    return [each async for each in sync()]


def test_a_line_that_was_cut_off_is_passed_over(state: Path) -> None:
    with serving() as (server, proxy):
        proxy.decide = lambda number, line: "request"
        recorder = record(proxy.url)
        recorder.log_point("loss", 1.0, None)
        recorder.flush(0.1)
        recorder.log_point("loss", 2.0, None)
        recorder.flush(0.1)
        recorder.close()
        (path,) = state.iterdir()
        path.write_bytes(path.read_bytes()[:-5])

        proxy.decide = lambda number, line: None
        asyncio.run(_sync())

        assert server.run(RUN).points["loss"] == [(1.0, 0)]


def test_a_file_that_somebody_still_writes_is_not_taken() -> None:
    with serving() as (server, proxy):
        proxy.decide = lambda number, line: "request"
        recorder = record(proxy.url)
        recorder.log_point("loss", 1.0, None)
        recorder.flush(0.1)

        assert asyncio.run(_sync()) == []

        proxy.decide = lambda number, line: None
        assert recorder.flush(30)
        assert server.run(RUN).points["loss"] == [(1.0, 0)]
        recorder.close()


def test_a_disk_and_memory_that_are_full_lose_points_and_say_so(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "MEMORY_BYTES_MAX", 2000)
    said: list[str] = []
    with serving() as (server, proxy):
        proxy.decide = lambda number, line: "request"
        recorder = record(proxy.url, said.append)
        monkeypatch.setattr(os, "pwrite", _no_space)
        for number in range(1000):
            recorder.log_point("loss", float(number), None)
            if number % 10 == 0:
                recorder.flush(0)
        monkeypatch.undo()
        monkeypatch.setenv("XDG_STATE_HOME", str(state.parents[1]))
        proxy.decide = lambda number, line: None
        ended = recorder.finish(END, timeout_s=30)
        recorder.close()

        points = server.run(RUN).points["loss"]
        assert 0 < len(points) < 1000
        assert points == sorted(points, key=lambda point: point[1])
        assert ended is not None
        assert [each.what for each in ended.missing] == ["metrics"]
        assert "no space left" in ended.missing[0].reason
        lost = [text for text in said if "points are lost" in text]
        assert len(lost) == 1


def _no_space(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(state: Path) -> None:
    state.parent.mkdir(parents=True)
    state.write_text("no folder")
    with serving() as (server, proxy):
        recorder = record(proxy.url)
        recorder.log_point("loss", 1.0, 5)
        assert recorder.finish(END, timeout_s=30) is not None
        recorder.close()

        assert server.run(RUN).points["loss"] == [(1.0, 5)]


def test_numbers_that_json_has_no_word_for_arrive() -> None:
    with serving() as (server, proxy):
        recorder = record(proxy.url)
        for value in (float("nan"), float("inf"), float("-inf"), 1e308):
            recorder.log_point("loss", value, None)
        recorder.finish(END, timeout_s=30)
        recorder.close()

        values = [value for value, _ in server.run(RUN).points["loss"]]
        assert values == ["nan", "inf", "-inf", 1e308]


def test_a_run_that_ended_elsewhere_takes_nothing_and_says_so_once() -> None:
    said: list[str] = []
    with serving() as (server, proxy):
        server.run(RUN).end = RunEnd(status="failed")
        recorder = record(proxy.url, said.append)
        for _ in range(3):
            recorder.log_point("loss", 1.0, None)
            recorder.flush(5)
        with pytest.raises(ConflictError, match="has ended"):
            recorder.finish(END, timeout_s=30)
        recorder.close()

        assert len(said) == 1
        assert "nothing more is recorded" in said[0]


def test_a_forked_child_is_a_writer_of_its_own() -> None:
    with serving() as (server, proxy):
        recorder = record(proxy.url)
        recorder.log_point("loss", 0.0, 0)
        recorder.flush(30)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                recorder.log_point("loss", 1.0, 1)
                code = 0 if recorder.flush(30) else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        recorder.log_point("loss", 2.0, 2)
        recorder.finish(END, timeout_s=30)
        recorder.close()

        assert server.run(RUN).points["loss"] == [(0.0, 0), (1.0, 1), (2.0, 2)]


def test_an_owner_says_that_the_run_goes_on() -> None:
    with serving() as (server, proxy):
        address = RunAddress(proxy.url, "penguins", RUN, "id", "secret")
        recorder = Recorder(address, is_owner=True, pace=FAST, lost_after_s=0.08)
        recorder.start()
        assert _until(lambda: server.run(RUN).empty_batches >= 3)
        recorder.close()


def _until(holds: Callable[[], bool]) -> bool:
    loop = LoopThread()

    async def wait() -> bool:
        for _ in range(1000):
            if holds():
                return True
            await asyncio.sleep(0.01)
        return False

    try:
        return loop.run(wait())
    finally:
        loop.close()


def test_a_damaged_head_is_no_spool(tmp_path: Path) -> None:
    path = tmp_path / "damaged.spool"
    path.write_bytes(b"HEAD {}\nBATCH {}\n")

    with pytest.raises(SpoolDamagedError, match="its head cannot be read"):
        Spool.open(path)


def test_a_head_shows_no_secret() -> None:
    head = SpoolHead(
        server="",
        repository="",
        run=RUN,
        writer="",
        access_key_id="id",
        secret_access_key="hidden",
        pid=1,
        started_ms=0,
    )

    assert "hidden" not in repr(head)


def test_the_client_can_be_asked_beside() -> None:
    with serving() as (server, proxy):
        recorder = record(proxy.url)

        async def ask(lake: AsyncClient) -> str:
            return lake.server

        assert recorder.call(ask).result(30) == proxy.url
        assert server.runs == {}
        recorder.close()

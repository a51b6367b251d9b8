"""Whatever a program logs arrives once or is refused at the call; one bad value costs itself."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.client import InvalidRequestError, Run, connect
from lakebed.client.runs import outbox, recorder, sending
from lakebed.client.runs.pieces import Piece
from lakebed.client.runs.reach import RunAddress
from lakebed.client.runs.recorder import Recorder
from lakebed.client.runs.spool import Spool, SpoolHead
from lakebed.client.runs.syncing import Synced, sync
from lakebed.client.wire.runs import MetricPoints, Missing, RunBatch, RunEnd
from lakebed.server.errors import LakeError
from lakebed.server.provenance import adding

from support.losing import Fault, LosingProxy
from support.losing_runs import FAST, serving
from support.numbers import Scalar, Whole
from support.run_server import TakenRun

RUN = "ab" * 16
END = RunEnd(status="succeeded", exit_code=0)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return tmp_path / "state" / "lakebed" / "runs"


def refuse(batch: RunBatch) -> str:
    try:
        adding.check_params(batch.params)
        adding.check_missing(batch.missing)
        for each in batch.metrics:
            adding._read_points(each)  # pyright: ignore[reportPrivateUsage]
    except LakeError as error:
        return str(error)
    return ""


def record(url: str, said: list[str]) -> Recorder:
    address = RunAddress(url, "penguins", RUN, "id", "secret")
    made = Recorder(address, is_owner=False, warn=said.append, pace=FAST)
    made.start()
    return made


# What a program calls ------------------------------------------------------------------

good_names = st.sampled_from(["loss", "lr", "é", "a b", "x" * 256, "\udc80"])
bad_names: st.SearchStrategy[Any] = st.sampled_from(
    ["", "a\nb", "x" * 257, None, 5, b"a"]
)
good_numbers: st.SearchStrategy[Any] = st.one_of(
    st.floats(), st.integers(), st.booleans(), st.floats().map(Scalar)
)
bad_numbers: st.SearchStrategy[Any] = st.sampled_from([None, "1", [1.0], 1j])
good_steps: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 2),
    st.integers(0, 9).map(Scalar),
)
bad_steps: st.SearchStrategy[Any] = st.sampled_from([2**63, 2**70, 0.5, "3", True])
good_values: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.floats(), st.integers(-9, 9), st.text(max_size=5)
)
bad_values: st.SearchStrategy[Any] = st.sampled_from([2**64, "x" * 20_000, -(10**400)])

metric_calls = st.one_of(
    st.tuples(st.just(True), good_names, good_numbers, good_steps),
    st.tuples(st.just(False), bad_names, good_numbers, good_steps),
    st.tuples(st.just(False), good_names, bad_numbers, good_steps),
    st.tuples(st.just(False), good_names, good_numbers, bad_steps),
)
param_calls = st.one_of(
    st.tuples(st.just(True), good_names, good_values),
    st.tuples(st.just(False), bad_names, good_values),
    st.tuples(st.just(False), good_names, bad_values),
)
lines: st.SearchStrategy[Any] = st.one_of(
    st.text(max_size=5), st.integers(), st.just("\udc80"), st.none()
)
calls = st.lists(
    st.one_of(
        metric_calls.map(lambda call: ("metric", call)),
        param_calls.map(lambda call: ("param", call)),
        lines.map(lambda line: ("log", (True, line))),
    ),
    max_size=30,
)
faults = st.lists(st.sampled_from(["request", "answer", "busy", None]), max_size=6)


def _text(given: object) -> str:
    return str(given).encode(errors="backslashreplace").decode()


def _json(value: object) -> object:
    number = float(getattr(value, "value", value))  # type: ignore[arg-type]
    if math.isfinite(number):
        return number
    return "nan" if math.isnan(number) else ("inf" if number > 0 else "-inf")


class Model:
    """What a run must have."""

    def __init__(self) -> None:
        self.points: dict[str, list[tuple[Any, int]]] = {}
        self.params: dict[str, object] = {}
        self.log = ""

    def add_point(self, name: str, value: object, step: Any) -> None:
        points = self.points.setdefault(_text(name), [])
        if step is None:
            step = points[-1][1] + 1 if points else 0
        else:
            step = int(getattr(step, "value", step))
        points.append((_json(value), step))

    def add_param(self, name: str, value: object) -> None:
        if isinstance(value, str):
            value = _text(value)
        if isinstance(value, float) and not math.isfinite(value):
            value = _json(value)
        self.params[_text(name)] = value

    def add_line(self, line: object) -> None:
        self.log += _text(line).rstrip("\n") + "\n"

    def holds_for(self, taken: TakenRun) -> None:
        assert taken.points == self.points
        assert {name: taken.params[name] for name in self.params} == self.params
        assert taken.log == self.log


@contextmanager
def running() -> Generator[tuple[Run, TakenRun]]:
    """A run that goes on, and what its server has of it."""
    with (
        serving(refuse) as (server, _),
        connect(server.url, access_key_id="id", secret_access_key="secret") as lake,
        lake.run("model", repository="penguins") as run,
    ):
        yield run, server.run(run.id)


@settings(deadline=None, max_examples=40)
@given(calls=calls)
def test_what_is_valid_arrives_once_and_what_is_not_raises_at_the_call(
    calls: list[tuple[str, Any]],
) -> None:
    model = Model()
    with running() as (run, taken):
        for kind, (is_valid, *arguments) in calls:
            _call(run, model, kind, arguments, is_valid=is_valid)
        run.end()

    model.holds_for(taken)
    # But the code, which is in no repository here.
    missing = {each.what for each in taken.missing}
    assert not missing & {"metrics", "params", "log", "recording"}


def _call(
    run: Run, model: Model, kind: str, arguments: list[Any], *, is_valid: bool
) -> None:
    def log_metric(name: Any, value: Any, step: Any) -> None:
        run.log_metric(name, value, step=step)

    ways: dict[str, tuple[Callable[..., None], Callable[..., None]]] = {
        "metric": (log_metric, model.add_point),
        "param": (run.log_param, model.add_param),
        "log": (run.log, model.add_line),
    }
    log, add = ways[kind]
    if is_valid:
        log(*arguments)
        add(*arguments)
    else:
        with pytest.raises((TypeError, InvalidRequestError)):
            log(*arguments)


def test_of_several_metrics_none_is_logged_if_one_cannot_be() -> None:
    with (
        running() as (run, taken),
        pytest.raises(TypeError, match="'b' must be a number"),
    ):
        run.log_metrics({"a": 1.0, "b": "2"})  # type: ignore[dict-item]

    assert taken.points == {}


def test_there_is_no_step_after_the_last() -> None:
    with running() as (run, taken):
        run.log_metric("loss", 1.0, step=2**63 - 1)
        with pytest.raises(InvalidRequestError, match="no step after"):
            run.log_metric("loss", 1.0)

    assert taken.points == {"loss": [(1.0, 2**63 - 1)]}


# What a server refuses all the same ----------------------------------------------------

names = st.sampled_from(["a", "b", "", "c\n"])


def _batch(
    params: dict[str, Any],
    metrics: list[tuple[str, list[int]]],
    log: str,
    missing: list[str],
) -> RunBatch:
    return RunBatch(
        writer="w",
        sequence=7,
        params=params,
        metrics=[
            MetricPoints(
                name=name,
                values=[float(at) for at in range(len(steps))],
                steps=steps,
                times_ms=list(range(len(steps))),
            )
            for name, steps in metrics
        ],
        log=log,
        missing=[Missing(what=each, reason="r") for each in missing],
    )


batches = st.builds(
    _batch,
    st.dictionaries(names, st.sampled_from([1, 2**64, "x" * 20_000]), max_size=4),
    st.lists(
        st.tuples(
            names, st.lists(st.sampled_from([0, 1, 2**70]), min_size=1, max_size=5)
        ),
        max_size=4,
        unique_by=lambda each: each[0],
    ),
    st.sampled_from(["", "line\n"]),
    st.lists(names, max_size=2),
)


@settings(deadline=None, max_examples=40)
@given(batch=batches, faults=faults)
def test_of_a_batch_that_is_refused_all_but_that_is_taken(
    batch: RunBatch, faults: list[Fault | None]
) -> None:
    said: list[str] = []
    with serving(refuse) as (server, proxy):
        proxy.decide = lambda number, line: (
            faults[number] if number < len(faults) else None
        )
        made = record(proxy.url, said)
        made._outbox._append(batch)  # pyright: ignore[reportPrivateUsage]
        assert made.finish(END, timeout_s=30) is not None
        made.close()

        taken = server.run(RUN)
        good, bad = _sorted_out(batch)
        assert taken.log == batch.log
        assert taken.params == good.params
        assert taken.points == {
            each.name: list(zip(each.values, each.steps, strict=True))
            for each in good.metrics
        }
        told = [each for each in said if "not recorded" in each]
        assert len(told) == (1 if bad else 0)
        assert len({each.what for each in taken.missing if each.reason != "r"}) == bad


def _sorted_out(batch: RunBatch) -> tuple[RunBatch, int]:
    """Return what of `batch` is good, and how many kinds of bad ones there are."""
    good = RunBatch(writer="", sequence=1)
    kinds: set[str] = set()
    for name, value in batch.params.items():
        if name in ("a", "b") and value == 1:
            good.params[name] = value
        else:
            kinds.add("params")
    for each in batch.metrics:
        fits = [
            (value, step)
            for value, step in zip(each.values, each.steps, strict=True)
            if each.name in ("a", "b") and step != 2**70
        ]
        if len(fits) < len(each.steps):
            kinds.add("metrics")
        if fits:
            values, steps = zip(*fits, strict=True)
            points = MetricPoints(
                name=each.name, values=list(values), steps=list(steps), times_ms=[]
            )
            good.metrics.append(points)
    if any(each.what not in ("a", "b") for each in batch.missing):
        kinds.add("missing")
    return good, len(kinds)


@given(batch=batches)
def test_the_pieces_of_a_batch_are_the_batch(batch: RunBatch) -> None:
    waiting, numbers, joined = [Piece.of(batch)], [0], list[object]()
    whole = Piece.of(batch).entries
    while waiting:
        piece = waiting.pop()
        if halves := piece.halves():
            waiting += halves[::-1]
            continue
        joined += piece.entries
        if piece.entries:
            numbers.append(piece.as_batch().sequence)
    assert joined == list(whole)
    assert numbers == sorted(set(numbers))


def test_a_run_that_is_full_of_one_kind_takes_the_others() -> None:
    said: list[str] = []
    with serving(refuse) as (server, proxy):
        server.refuse = lambda batch: "too many" if "b" in batch.params else ""
        made = record(proxy.url, said)
        made.pending.add_params({"a": 1, "b": 2, "c": 3})
        assert made.finish(END, timeout_s=30) is not None
        made.close()

        assert server.run(RUN).params == {"a": 1, "c": 3}
        assert [each.what for each in server.run(RUN).missing] == ["params"]


# Our own mistakes ----------------------------------------------------------------------


def test_what_cannot_be_written_down_is_named_and_costs_nothing_else() -> None:
    said: list[str] = []
    with serving(refuse) as (server, proxy):
        made = record(proxy.url, said)
        # As a mistake of ours would let it through.
        made.log_point("bad", 1.0, Whole(3))
        made.log_point("loss", 1.0, None)
        made.log_text("line\n")
        assert made.flush(30)
        made.log_point("loss", 2.0, None)
        assert made.finish(END, timeout_s=30) is not None
        made.close()

        taken = server.run(RUN)
        assert taken.points == {"loss": [(1.0, 0), (2.0, 1)]}
        assert taken.log == "line\n"
        assert [each.what for each in taken.missing] == ["metrics"]
        assert "TypeError" in taken.missing[0].reason
        assert len(said) == 1


def test_a_thread_that_breaks_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    left = [2]
    first = outbox.Outbox.first

    def break_twice(self: outbox.Outbox) -> Any:
        if left[0]:
            left[0] -= 1
            raise ZeroDivisionError("no")
        return first(self)

    with serving(refuse) as (server, proxy):
        monkeypatch.setattr(outbox.Outbox, "first", break_twice)
        made = record(proxy.url, said)
        made.log_point("loss", 1.0, None)
        assert made.finish(END, timeout_s=30) is not None
        made.close()

        taken = server.run(RUN)
        assert taken.points == {"loss": [(1.0, 0)]}
        assert {each.what for each in taken.missing} == {"recording"}
        assert len(said) == 1
        assert "ZeroDivisionError" in said[0]


def test_a_thread_that_is_gone_leaves_all_to_a_later_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []

    def fail(self: outbox.Outbox) -> None:
        raise ZeroDivisionError("no")

    with serving(refuse) as (server, proxy):
        monkeypatch.setattr(outbox.Outbox, "first", fail)
        made = record(proxy.url, said)
        for number in range(3):
            made.log_point("loss", float(number), None)
            assert not made.flush(30)
        assert made.finish(END, timeout_s=30) is None
        made.close()
        assert server.run(RUN).points == {}
        assert len(said) == 1

        (synced,) = asyncio.run(_sync())
        assert (synced.left, synced.problem) == (0, "")
        taken = server.run(RUN)
        assert [value for value, _ in taken.points["loss"]] == [0, 1, 2]
        assert taken.end == END
        assert {each.what for each in taken.missing} == {"recording"}


def test_an_item_that_cannot_be_sent_lets_the_others_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said: list[str] = []
    deliver = sending.deliver

    async def stumble(lake: Any, repository: str, run: str, item: Any) -> Any:
        if isinstance(item, RunBatch) and "bad" in item.params:
            raise ZeroDivisionError("no")
        return await deliver(lake, repository, run, item)

    with serving(refuse) as (server, proxy):
        monkeypatch.setattr(recorder, "deliver", stumble)
        made = record(proxy.url, said)
        made.pending.add_params({"bad": 1})
        made._outbox.collect()  # pyright: ignore[reportPrivateUsage]
        made.pending.add_params({"good": 1})
        assert made.finish(END, timeout_s=30) is not None
        made.close()

        assert server.run(RUN).params == {"good": 1}
        assert [each.what for each in server.run(RUN).missing] == ["recording"]
        assert len(said) == 1


def test_a_process_that_gets_no_thread_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def refuse_to_start(self: object) -> None:
        raise RuntimeError("can't start new thread")

    with serving(refuse) as (_, proxy):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse_to_start)
            made = record(proxy.url, said)
            made.log_point("loss", 1.0, None)
            assert not made.flush(30)
            assert made.finish(END, timeout_s=30) is None
            made.close()
        assert len(said) == 1
        assert "can't start new thread" in said[0]

        (synced,) = asyncio.run(_sync())
        assert (synced.sent, synced.left) == (2, 0)


# What lies on the disk -----------------------------------------------------------------


async def _sync() -> list[Synced]:
    return [each async for each in sync()]


def _leave_behind(url: str, proxy: LosingProxy, state: Path) -> Path:
    """Leave three batches and an end behind; return the file."""
    proxy.decide = lambda number, line: "request"
    made = record(url, [])
    for number in range(3):
        made.log_point("loss", float(number), None)
        made.flush(0.05)
    made.finish(END, timeout_s=0.05)
    made.close()
    proxy.decide = lambda number, line: None
    (path,) = state.glob("*.spool")
    return path


@pytest.mark.parametrize(
    "damage",
    [b"BATCH {", b"BATCH \xff\xff", b"BITCH ", b"BATCH {}", b"\0\0\0"],
    ids=["cut", "noise", "kind", "shape", "zeros"],
)
def test_a_damaged_line_costs_itself_and_is_told_and_named(
    damage: bytes, state: Path
) -> None:
    with serving(refuse) as (server, proxy):
        path = _leave_behind(proxy.url, proxy, state)
        several = path.read_bytes().splitlines()
        several[2] = damage
        path.write_bytes(b"\n".join(several) + b"\n")

        (synced,) = asyncio.run(_sync())

        assert synced.left == 0
        assert "cannot be read" in synced.problem
        taken = server.run(RUN)
        assert taken.points == {"loss": [(0.0, 0), (2.0, 2)]}
        assert taken.end == END
        (missing,) = taken.missing
        assert missing.what == "log and metrics"
        assert path.name in missing.reason


def test_damage_beneath_a_run_that_goes_on_is_told_and_named(state: Path) -> None:
    said: list[str] = []
    with serving(refuse) as (server, proxy):
        proxy.decide = lambda number, line: "request"
        made = record(proxy.url, said)
        made.log_point("loss", 1.0, None)
        made.flush(0.05)
        made.log_point("loss", 2.0, None)
        made.flush(0.05)
        (path,) = state.glob("*.spool")
        data = path.read_bytes()
        path.write_bytes(data.replace(b'"loss"', b'"loss\xff'))
        proxy.decide = lambda number, line: None
        made.log_point("loss", 3.0, None)
        assert made.finish(END, timeout_s=30) is not None
        made.close()

        taken = server.run(RUN)
        # The first may have been read before.
        points = taken.points["loss"]
        assert points[-1] == (3.0, 2)
        assert len(points) + len(taken.missing) == 3
        assert {each.what for each in taken.missing} == {"log and metrics"}
        assert len([each for each in said if "cannot be read" in each]) == 1


def test_what_came_too_late_is_said_once_and_put_aside(state: Path) -> None:
    with serving(refuse) as (server, proxy):
        path = _leave_behind(proxy.url, proxy, state)
        server.run(RUN).end = RunEnd(status="failed")

        (synced,) = asyncio.run(_sync())

        assert synced.is_late
        assert synced.left == 4
        aside = Path(synced.path)
        assert aside.read_bytes().count(b"\n") == 5
        assert not path.exists()
        assert asyncio.run(_sync()) == []
        aside.unlink()


def test_a_file_with_a_damaged_head_is_said_once_and_put_aside(state: Path) -> None:
    with serving(refuse) as (_, proxy):
        path = _leave_behind(proxy.url, proxy, state)
        path.write_bytes(path.read_bytes().replace(b"HEAD {", b"HEAD \0", 1))

        (synced,) = asyncio.run(_sync())

        assert (synced.run, synced.sent, synced.is_late) == (RUN, 0, True)
        assert "its head cannot be read" in synced.problem
        assert Path(synced.path).exists()
        assert asyncio.run(_sync()) == []


def test_a_batch_that_no_json_can_hold_is_not_taken_for_damage(tmp_path: Path) -> None:
    made = Spool.create(_head(), folder=tmp_path)
    with pytest.raises((TypeError, UnicodeEncodeError)):
        made.append(RunBatch(writer="w", sequence=1, log="\udc80"))
    assert made.first() is None
    assert made.damage == []
    made.remove()


def _head() -> SpoolHead:
    return SpoolHead(
        server="",
        repository="",
        run=RUN,
        writer="",
        access_key_id="",
        secret_access_key="",
        pid=1,
        started_ms=1,
    )

"""The sum of all workers, whatever becomes of them, is that of a model that only adds."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from lakebed.server.serving.snapshot import FigureValue, Snapshot
from lakebed.server.serving.traffic import Traffic
from lakebed.server.supervising.messages import Figures
from lakebed.server.supervising.tally import Tally

SLOTS = 3
PLACE = ("s3", "GetObject")


class Worker:
    """A worker that counts, and says so now and then."""

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.traffic = Traffic()
        self.writes = 0
        self.running = 0
        self.said: tuple[int, int, int] = (0, 0, 0)

    def say(self) -> Figures:
        row = self.traffic.rows.get(PLACE)
        requests = 0 if row is None else sum(row.statuses)
        self.said = (requests, self.writes, self.running)
        figures = [
            FigureValue("writes", "", self.writes, only_grows=True),
            FigureValue("running", "", self.running),
        ]
        snapshot = Snapshot.of(self.traffic, figures)
        return Figures(0, snapshot, cpu_s=float(self.writes), memory_bytes=7)


class TallyMachine(RuleBasedStateMachine):
    """The model keeps what each worker said last, for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.tally = Tally(SLOTS)
        self.living: dict[int, Worker] = {}
        self.buried: list[Worker] = []
        self.pids = 0

    @rule(slot=st.integers(0, SLOTS - 1))
    def start(self, slot: int) -> None:
        self.pids += 1
        self.living[self.pids] = Worker(slot)

    @precondition(lambda self: self.living)
    @rule(data=st.data(), count=st.integers(1, 5))
    def work(self, data: Any, count: int) -> None:
        worker = self.living[data.draw(st.sampled_from(sorted(self.living)))]
        for _ in range(count):
            worker.traffic.add(*PLACE, 200, 0.001, 10, 20)
            worker.traffic.add_failure("s3", "BusyError")
        worker.writes += count
        worker.running = count

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def speak(self, data: Any) -> None:
        pid = data.draw(st.sampled_from(sorted(self.living)))
        self.tally.note(self.living[pid].slot, pid, self.living[pid].say())

    @precondition(lambda self: self.living)
    @rule(data=st.data())
    def die(self, data: Any) -> None:
        pid = data.draw(st.sampled_from(sorted(self.living)))
        self.tally.bury(pid)
        self.buried.append(self.living.pop(pid))

    @invariant()
    def sums_agree(self) -> None:
        total = self.tally.total(0)
        everybody = [*self.living.values(), *self.buried]
        row = total.rows.get(PLACE)
        requests = sum(worker.said[0] for worker in everybody)
        assert (0 if row is None else row.statuses[2]) == requests
        assert (0 if row is None else row.sent_bytes) == 20 * requests
        assert total.failures.get(("s3", "BusyError"), 0) == requests
        value = {(one.name, one.labels): one.value for one in total.figures}
        assert value.get(("writes", ()), 0) == sum(w.said[1] for w in everybody)
        living = self.living.values()
        assert value.get(("running", ()), 0) == sum(w.said[2] for w in living)
        for slot in range(SLOTS):
            label = (("worker", str(slot)),)
            spent = sum(w.said[1] for w in everybody if w.slot == slot)
            assert value["worker_cpu_seconds", label] == spent


TestTally = TallyMachine.TestCase

"""What all workers have counted, those that have ended as well.

A counter never goes back: what a worker said last is kept when it is gone. What it had
counted since then, of `ASK_S` at most, is lost if it was killed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..serving.snapshot import FigureValue, Snapshot, add_up
from .messages import Figures


@dataclass(slots=True)
class SlotCounts:
    """What is known of the workers of one slot."""

    cpu_s: float = 0.0
    """Of those that have ended."""
    restarts: dict[str, int] = field(default_factory=lambda: {"died": 0, "replaced": 0})
    """How often another one was started, by what became of the one before."""


class Tally:
    """Adds up what workers say."""

    def __init__(self, slots: int) -> None:
        self._ended = Snapshot({}, {}, [])
        self._last: dict[int, Figures] = {}
        """By process: what it said last."""
        self._slot_of: dict[int, int] = {}
        self._slots = [SlotCounts() for _ in range(slots)]

    def note(self, slot: int, pid: int, figures: Figures) -> None:
        """Take what the process `pid` of a slot says."""
        self._slot_of[pid] = slot
        self._last[pid] = figures

    def note_restart(self, slot: int, reason: str) -> None:
        """Count that another worker of `slot` was started."""
        self._slots[slot].restarts[reason] += 1

    def bury(self, pid: int) -> None:
        """Keep what the process `pid` has counted: it has ended."""
        figures = self._last.pop(pid, None)
        if figures is not None:
            self._slots[self._slot_of.pop(pid)].cpu_s += figures.cpu_s
            self._ended = add_up([self._ended, figures.snapshot.counts()])

    def total(self, ready_count: int) -> Snapshot:
        """Return the sum of all, and what is known of the workers by themselves."""
        spoken = [figures.snapshot for figures in self._last.values()]
        own = Snapshot({}, {}, self._list_own(ready_count))
        return add_up([self._ended, *spoken, own])

    def _list_own(self, ready_count: int) -> list[FigureValue]:
        figures = [
            FigureValue("workers", "Workers that should run.", len(self._slots)),
            FigureValue("ready_workers", "Workers that accept.", ready_count),
        ]
        memory = [0] * len(self._slots)
        cpu_s = [slot.cpu_s for slot in self._slots]
        for pid, said in self._last.items():
            memory[self._slot_of[pid]] += said.memory_bytes
            cpu_s[self._slot_of[pid]] += said.cpu_s
        for number, slot in enumerate(self._slots):
            labels = (("worker", str(number)),)
            figures += [
                FigureValue(
                    "worker_resident_memory_bytes",
                    "Memory of a worker, and of one that it replaces while both run.",
                    memory[number],
                    labels=labels,
                ),
                FigureValue(
                    "worker_cpu_seconds",
                    "Time of processors that the workers of a slot have used.",
                    cpu_s[number],
                    only_grows=True,
                    labels=labels,
                ),
                *(
                    FigureValue(
                        "worker_restarts",
                        "Workers started in place of another, by what became of that.",
                        count,
                        only_grows=True,
                        labels=(*labels, ("reason", reason)),
                    )
                    for reason, count in slot.restarts.items()
                ),
            ]
        return figures

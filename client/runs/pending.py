"""What was logged and is in no batch yet.

Adding is all that a training loop pays for: a lock and three appends, under a microsecond.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import Any, SupportsFloat, SupportsIndex

from ..wire.runs import MetricPoints, MetricValue, Missing, ParamValue, RunBatch

POINTS_MAX = 20_000
"""Points of one batch, some 800 kB: half makes more requests, double holds others up."""
LOG_CHARS_MAX = 256 * 1024
"""Of the log in one batch."""
NAME_CHARS_MAX = 256
"""Longest name of a metric or parameter."""

Columns = tuple[list[float], list[int], list[int]]


class Pending:
    """Points, parameters, log lines and parts, until they are taken; for any threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._points: dict[str, Columns] = {}
        self._next_steps: dict[str, int] = {}
        self._params: dict[str, ParamValue] = {}
        self._log: list[str] = []
        self._missing: list[Missing] = []
        self._parts: dict[str, dict[str, Any]] = {}
        self.point_count = 0
        """Points that wait; read without the lock, as a hint."""
        self.log_chars = 0

    def add_point(self, name: str, value: float, step: int | None) -> None:
        """Add one point; a step that is not said is one above the last of that metric."""
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            if step is None:
                step = self._next_steps.get(name, 0)
            self._next_steps[name] = step + 1
            columns = self._points.get(name)
            if columns is None:
                columns = self._points[name] = ([], [], [])
            columns[0].append(value)
            columns[1].append(step)
            columns[2].append(now_ms)
            self.point_count += 1

    def add_params(self, params: Mapping[str, ParamValue]) -> None:
        """Add parameters."""
        with self._lock:
            self._params.update(params)

    def add_log(self, text: str) -> None:
        """Add text to the log."""
        with self._lock:
            self._log.append(text)
            self.log_chars += len(text)

    def add_missing(self, missing: Missing) -> None:
        """Add what could not be recorded."""
        with self._lock:
            self._missing.append(missing)

    def set_part(self, name: str, part: dict[str, Any]) -> None:
        """Replace the part `name` of the record: `code`, `environment` ..."""
        with self._lock:
            self._parts[name] = part

    @property
    def is_full(self) -> bool:
        """Whether there is enough for a batch."""
        return self.point_count >= POINTS_MAX or self.log_chars >= LOG_CHARS_MAX

    def take(self, writer: str, next_sequence: int) -> list[RunBatch]:
        """Return what there is as batches, numbered from `next_sequence`."""
        with self._lock:
            points, self._points = self._points, {}
            params, self._params = self._params, {}
            log, self._log = "".join(self._log), []
            missing, self._missing = self._missing, []
            parts, self._parts = self._parts, {}
            self.point_count = self.log_chars = 0
        pieces = _cut_points(points)
        logs = [
            log[at : at + LOG_CHARS_MAX] for at in range(0, len(log), LOG_CHARS_MAX)
        ]
        count = max(len(pieces), len(logs), 1 if params or missing or parts else 0)
        return [
            RunBatch(
                writer=writer,
                sequence=next_sequence + at,
                metrics=pieces[at] if at < len(pieces) else [],
                log=logs[at] if at < len(logs) else "",
                params=params if at == 0 else {},
                missing=missing if at == 0 else [],
                code=parts.get("code") if at == 0 else None,
                configuration=parts.get("configuration") if at == 0 else None,
                environment=parts.get("environment") if at == 0 else None,
                hardware=parts.get("hardware") if at == 0 else None,
                seeds=parts.get("seeds") if at == 0 else None,
            )
            for at in range(count)
        ]


def _cut_points(points: dict[str, Columns]) -> list[list[MetricPoints]]:
    batches: list[list[MetricPoints]] = []
    room = 0
    for name, (values, steps, times) in points.items():
        start = 0
        while start < len(values):
            if room == 0:
                batches.append([])
                room = POINTS_MAX
            end = min(start + room, len(values))
            batches[-1].append(
                MetricPoints(
                    name=name,
                    values=[_as_wire(value) for value in values[start:end]],
                    steps=steps[start:end],
                    times_ms=times[start:end],
                )
            )
            room -= end - start
            start = end
    return batches


def _as_wire(value: float) -> MetricValue:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "nan"
    return "inf" if value > 0 else "-inf"


def as_number(name: str, value: SupportsFloat | SupportsIndex) -> float:
    """Return the value of a metric; numbers of NumPy and torch are numbers.

    Raises:
        TypeError: it is no number.
    """
    if type(value) is float:
        return value
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"metric '{name}' must be a number, not {type(value).__name__}: {error}"
        ) from error
    except OverflowError:  # an integer of more than 300 digits
        return math.inf if isinstance(value, int) and value > 0 else -math.inf


def check_name(what: str, name: str) -> str:
    """Return `name` if it can be that of a metric or parameter.

    Raises:
        ValueError: it cannot.
    """
    if not name or len(name) > NAME_CHARS_MAX:
        raise ValueError(f"name of a {what} must have 1 to {NAME_CHARS_MAX} characters")
    return name

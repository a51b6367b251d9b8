"""What was logged and is in no batch yet.

Adding is all that a training loop pays for: a lock and three appends, under a microsecond.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Mapping
from typing import Any

from ..errors import InvalidRequestError
from ..wire.runs import MetricPoints, MetricValue, Missing, ParamValue, RunBatch
from .loggable import INT_MAX, NAME_CHARS_MAX, plain_document, plain_text

POINTS_MAX = 20_000
"""Points of one batch, some 800 kB: half makes more requests, double holds others up."""
LOG_CHARS_MAX = 256 * 1024
"""Of the log in one batch."""
PARAM_CHARS_MAX = 1 << 20
"""Of the parameters in one batch: some have whole prompts."""

Columns = tuple[list[float], list[int], list[int]]


class Pending:
    """Points, parameters, log lines and parts, until they are taken; for any threads.

    What comes in has been through `loggable.py`; what others than programs give is mended.
    """

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
        """Add one point; a step that is not said is one above the last of that metric.

        Raises:
            InvalidRequestError: there is no step above the last one.
        """
        now_ms = time.time_ns() // 1_000_000
        with self._lock:
            if step is None:
                step = self._next_steps.get(name, 0)
                if step > INT_MAX:
                    raise InvalidRequestError(
                        f"there is no step after {INT_MAX}, the last of '{name}': name one"
                    )
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
        text = plain_text(text)
        with self._lock:
            self._log.append(text)
            self.log_chars += len(text)

    def add_missing(self, missing: Missing) -> None:
        """Add what could not be recorded."""
        missing = as_missing(missing.what, missing.reason)
        with self._lock:
            self._missing.append(missing)

    def set_part(self, name: str, part: dict[str, Any]) -> None:
        """Replace the part `name` of the record: `code`, `environment` ..."""
        part = plain_document(part)
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
        groups = _cut_params(params)
        count = max(len(pieces), len(logs), len(groups), 1 if missing or parts else 0)
        return [
            RunBatch(
                writer=writer,
                sequence=next_sequence + at,
                metrics=pieces[at] if at < len(pieces) else [],
                log=logs[at] if at < len(logs) else "",
                params=groups[at] if at < len(groups) else {},
                missing=missing if at == 0 else [],
                code=parts.get("code") if at == 0 else None,
                configuration=parts.get("configuration") if at == 0 else None,
                environment=parts.get("environment") if at == 0 else None,
                hardware=parts.get("hardware") if at == 0 else None,
                seeds=parts.get("seeds") if at == 0 else None,
            )
            for at in range(count)
        ]


def as_missing(what: str, reason: str) -> Missing:
    """Return what is missing as a server takes it, whatever its name was."""
    printable = "".join(
        each if each.isprintable() else "?" for each in plain_text(what)
    )
    return Missing(what=printable[:NAME_CHARS_MAX] or "?", reason=plain_text(reason))


def _cut_params(params: dict[str, ParamValue]) -> list[dict[str, ParamValue]]:
    groups: list[dict[str, ParamValue]] = []
    room = 0
    for name, value in params.items():
        size = len(name) + (len(value) if isinstance(value, str) else 0)
        if room < size:
            groups.append({})
            room = PARAM_CHARS_MAX
        groups[-1][name] = value
        room -= size
    return groups


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

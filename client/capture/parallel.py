"""Several calls at once: capturing waits for processes, hardly ever for the processor."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class Call(Generic[T]):
    """One call in a thread of its own; `result` waits for it."""

    function: Callable[[], T]
    _results: list[T] = field(default_factory=list[T])
    _errors: list[BaseException] = field(default_factory=list[BaseException])
    _thread: threading.Thread | None = None

    def start(self) -> Call[T]:
        """Begin, and return this."""
        # As a daemon: Ctrl-C must not wait for a git that hangs on a network disk.
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        return self

    def result(self) -> T:
        """Return what the function returned, or raise what it raised."""
        assert self._thread is not None, "it was not started"
        self._thread.join()
        if self._errors:
            raise self._errors[0]
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self.function())
        except BaseException as error:  # noqa: BLE001 (raised again by `result`)
            self._errors.append(error)


def begin(function: Callable[[], T]) -> Call[T]:
    """Start `function` in a thread."""
    return Call(function).start()

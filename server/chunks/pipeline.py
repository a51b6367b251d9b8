"""Work that runs in order beside its caller, a bounded way behind.

Ingest of a large object is a pipeline: digests and writing run in threads while the next
batch is cut. Each of them is a `Lane`: what is put into it runs one after the other, in
some thread of an executor, and the caller waits only when it is too far ahead. What runs
in a lane must not wait for another lane, so that any number can share few threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache
from threading import Lock, Semaphore

_AHEAD_MAX = 2
"""Calls of one lane that are not done. With one, a lane stands still whenever its caller
is a little late; more than two only cost memory."""

_THREADS = 4
"""MD5, SHA-256 and writing of one upload at a time, and one to spare; more would only
take turns on the cores that cut."""


class Lane:
    """Runs calls in order in an executor; fed from one thread at a time."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._slots = Semaphore(_AHEAD_MAX)
        self._lock = Lock()
        self._calls: deque[Callable[[], object]] = deque()
        self._is_running = False
        self._failure: BaseException | None = None

    def put(self, call: Callable[[], object]) -> None:
        """Run `call` after those before it; waits while too many are not done.

        What an earlier call raised is raised here, and `call` does not run.
        """
        self._slots.acquire()
        with self._lock:
            if self._failure is not None:
                self._slots.release()
                raise self._failure
            self._calls.append(call)
            if self._is_running:
                return
            self._is_running = True
        self._executor.submit(self._run)

    def wait(self) -> None:
        """Wait until all calls are done; what one of them raised is raised here."""
        for _ in range(_AHEAD_MAX):
            self._slots.acquire()
        self._slots.release(_AHEAD_MAX)
        if self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._calls:
                    self._is_running = False
                    return
                call = self._calls.popleft()
            try:
                if self._failure is None:
                    call()
            except BaseException as error:  # noqa: BLE001 - the caller gets it
                self._failure = error
            finally:
                del call  # it holds a batch, which must not outlive its turn
                self._slots.release()


@cache
def ingest_executor() -> Executor:
    """Return the threads that all uploads of this process share."""
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="ingest")

"""What a forked child has logged goes out before it ends, however it ends.

A child of `multiprocessing` ends with `os._exit`, after its finalizers and without `atexit`;
one of `os.fork` that leaves with `sys.exit` has `atexit`; a worker of a pool is ended by
SIGTERM. Who calls `os._exit` itself, or is killed, must have called `flush`.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Protocol

PRIORITY = 10
"""Of the finalizer: those below 0 come after the children of the child were waited for."""
SIGNAL_S = 5.0
"""How long a signal waits for a line in a file: that takes a millisecond, but on a machine
that has more to do than it can, or a disk that does not answer."""


class Renewable(Protocol):
    """What begins again in a child."""

    def renew(self) -> None:
        """Begin again, in a child."""
        ...

    def close(self) -> None:
        """Bring out what there is, and end."""
        ...

    def rescue(self) -> None:
        """Write down what there is, beside whatever goes on."""
        ...


_alive: weakref.WeakSet[Renewable] = weakref.WeakSet()


def renew_in_children(each: Renewable) -> None:
    """Let `each` begin again in every child that is forked from now on."""
    _alive.add(each)


def close_at_the_end(each: Renewable) -> None:
    """Close `each` when this child ends; called in the child, once it logs."""
    close = _closing(weakref.ref(each))
    atexit.register(close)
    # Not before: `multiprocessing` clears those that a child got from its parent.
    if "multiprocessing.util" in sys.modules:
        from multiprocessing import util

        util.Finalize(None, close, exitpriority=PRIORITY)
    # One that a program has set is its own.
    if (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    ):
        with suppress(ValueError):  # a thread that was forked from is no main one
            signal.signal(signal.SIGTERM, _end_by)


def _closing(each: weakref.ref[Renewable]) -> Callable[[], None]:
    def close() -> None:
        here = each()
        if here is not None:
            here.close()

    return close


class _Ending:
    """How far this process is with ending by a signal."""

    def __init__(self) -> None:
        self.has_begun = False
        self.is_written = threading.Event()


_ending = _Ending()


def _end_by(number: int, frame: FrameType | None) -> None:
    """End as the signal does, after what was logged is written down.

    Whoever was interrupted may hold a lock that this takes, and so must go on meanwhile:
    others write, and send the signal again. Threads without the library around them, for
    that has locks of its own.
    """
    if _ending.is_written.is_set():
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    elif not _ending.has_begun:
        _ending.has_begun = True
        _thread.start_new_thread(_write_down, (_ending,))
        _thread.start_new_thread(_signal_again, (_ending, number))


def _write_down(ending: _Ending) -> None:
    for each in list(_alive):
        with suppress(Exception):
            each.rescue()
    ending.is_written.set()


def _signal_again(ending: _Ending, number: int) -> None:
    ending.is_written.wait(SIGNAL_S)
    ending.is_written.set()
    os.kill(os.getpid(), number)


def _renew_all() -> None:
    global _ending
    _ending = _Ending()
    for each in list(_alive):
        each.renew()


os.register_at_fork(after_in_child=_renew_all)

"""What a forked child has logged goes out before it ends, however it ends.

A child of `multiprocessing` ends with `os._exit`, after its finalizers and without `atexit`;
one of `os.fork` that leaves with `sys.exit` has `atexit`. A worker of a pool is ended by
SIGTERM: so a child writes down at once what it logs (`Recorder`). To handle the signal would
be worse: Python handles none while it waits in a semaphore, as such workers do. Who calls
`os._exit` itself must have called `flush`.
"""

from __future__ import annotations

import atexit
import os
import sys
import weakref
from collections.abc import Callable
from typing import Protocol

PRIORITY = 10
"""Of the finalizer: those below 0 come after the children of the child were waited for."""


class Renewable(Protocol):
    """What begins again in a child."""

    def renew(self) -> None:
        """Begin again, in a child."""
        ...

    def close(self) -> None:
        """Bring out what there is, and end."""
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


def _closing(each: weakref.ref[Renewable]) -> Callable[[], None]:
    def close() -> None:
        here = each()
        if here is not None:
            here.close()

    return close


def _renew_all() -> None:
    for each in list(_alive):
        each.renew()


os.register_at_fork(after_in_child=_renew_all)

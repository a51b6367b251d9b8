"""Which run is going on here: the innermost of the task or thread, else of the process."""

from __future__ import annotations

import itertools
import os
from contextvars import ContextVar, Token
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .recording import Recording

_here: ContextVar[Recording | None] = ContextVar("lakebed_run", default=None)
_started: list[Recording] = []
"""All that go on in this process. Threads do not inherit the context that made them."""


def current_run() -> Recording | None:
    """Return the run that is going on, the innermost of several; None: there is none."""
    found = _here.get()
    if found is not None and found.is_going_on:
        return found
    going_on = [each for each in _started if each.is_going_on]
    return going_on[-1] if going_on else None


def only_run() -> Recording | None:
    """Return the run that what happens in this process belongs to, if there is no doubt.

    That is the one that goes on, or the innermost of those that are one in the other. Of
    several beside each other, nobody knows which a request of a library is made for.
    """
    going_on = [each for each in _started if each.is_going_on]
    for outer, inner in itertools.pairwise(going_on):
        if inner.parent != outer.id:
            return None
    return going_on[-1] if going_on else None


def enter(run: Recording) -> Token[Recording | None]:
    """Note that `run` goes on."""
    _started.append(run)
    return _here.set(run)


def leave(run: Recording, token: Token[Recording | None] | None) -> None:
    """Note that `run` is over."""
    if run in _started:
        _started.remove(run)
    if token is not None:
        try:
            _here.reset(token)
        except ValueError:  # it began in another task or thread
            _here.set(None)


def going_on() -> list[Recording]:
    """Return the runs that this process began and has not ended, the newest first."""
    return [each for each in reversed(_started) if each.pid == os.getpid()]

"""How often the thread of a run does what it does, and how long anything is waited for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ..retrying import RetryPolicy
from .pending import POINTS_MAX

PENDING_POINTS_MAX = 5 * POINTS_MAX
"""Points that wait for the thread; the next ones write the batch themselves."""
HEARTBEATS = 8
"""Signs of life in the time after which a run counts as lost; some may be lost."""
STARTS_MAX = 5
"""Of the loop, if a mistake of ours ends it: what it was is not worse the second time."""
BROKEN_TRIES_MAX = 3
"""Of an item that is not sent for a mistake of ours; then the others come first."""
LOOK_S = 0.5
"""How often whoever waits looks whether the thread is still there."""
TIMEOUT_S = 30.0
"""Silence of the server that is taken for its end. A batch takes milliseconds."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the thread does what it does."""

    flush_s: float = 0.5
    """How often what was logged becomes a batch: what a killed process may lose."""
    retry_s: float = 0.5
    """Before the server is tried again; doubles."""
    retry_s_max: float = 15.0
    """Between tries while the server is away; a restart should be noticed soon."""
    finish_retry_s_max: float = 1.0
    """The same when somebody waits for the end of the run."""
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    """Within one try."""

    def delay_s(self, failures: int, *, is_waited_for: bool) -> float:
        """Return how long to wait after so many failures, one after the other."""
        longest_s = self.finish_retry_s_max if is_waited_for else self.retry_s_max
        return min(longest_s, self.retry_s * (1 << min(failures - 1, 8)))


NORMAL = Pace()


AT_ONCE_MAX = 32
"""Entries in each half second: 0.1 ms each for whoever logs. More wait for the thread."""
AT_ONCE_S = 0.5


class AtOnce:
    """What a child, which may be ended at any moment, writes down as it logs it."""

    def __init__(self) -> None:
        self._since_s = 0.0
        self._count = 0

    def take(self) -> bool:
        """Tell whether one more may be written at once."""
        now_s = time.monotonic()
        if now_s - self._since_s >= AT_ONCE_S:
            self._since_s, self._count = now_s, 0
        self._count += 1
        return self._count <= AT_ONCE_MAX

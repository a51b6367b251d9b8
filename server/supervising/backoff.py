"""How long to wait before a worker that died is started again."""

from __future__ import annotations

from random import Random

_FIRST_S = 0.25
"""After the second death; after the first the next worker is started at once, for most
deaths are single ones."""
_LONGEST_S = 15.0
"""Between two tries at last: seldom enough to leave the machine alone, and often enough
that nobody has to come when what was wrong is right again."""
_JITTER = 0.5
"""Up to this part of a wait is left out, so that workers that died together do not all
start together, which is what may have killed them."""
SOUND_S = 10.0
"""Who has served for so long did not die of how it was started."""


class Backoff:
    """The waits of one slot: longer with each death that soon follows a start."""

    def __init__(self, random: Random | None = None) -> None:
        """Leave parts of waits out by `random`."""
        self._random = random or Random()  # noqa: S311 - nobody gains by guessing it
        self._deaths = 0

    def next_s(self, served_s: float) -> float:
        """Return how long to wait now that a worker died after it served for `served_s`."""
        if served_s >= SOUND_S:
            self._deaths = 0
        self._deaths += 1
        if self._deaths == 1:
            return 0.0
        wait_s = min(_FIRST_S * 2.0 ** min(self._deaths - 2, 16), _LONGEST_S)
        return wait_s * (1 - _JITTER * self._random.random())

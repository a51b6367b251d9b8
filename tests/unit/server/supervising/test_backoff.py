"""Waits grow with deaths in a row, up to a limit, and begin anew after a sound life."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.supervising.backoff import SOUND_S, Backoff

LONGEST_S = 15.0


@given(seed=st.integers(), deaths=st.integers(1, 5000))
def test_waits_grow_up_to_a_limit(seed: int, deaths: int) -> None:
    backoff = Backoff(Random(seed))

    waits = [backoff.next_s(0.0) for _ in range(deaths)]

    assert waits[0] == 0.0
    for number, wait_s in enumerate(waits[1:]):
        full_s = min(0.25 * 2 ** min(number, 20), LONGEST_S)
        assert full_s / 2 <= wait_s <= full_s


def test_who_has_served_for_a_while_is_replaced_at_once() -> None:
    backoff = Backoff(Random(0))
    for _ in range(10):
        backoff.next_s(0.0)

    assert backoff.next_s(SOUND_S) == 0.0
    assert 0 < backoff.next_s(SOUND_S - 1) <= 0.25


def test_workers_that_died_together_do_not_start_together() -> None:
    backoffs = [Backoff(Random(seed)) for seed in range(20)]
    for backoff in backoffs:
        backoff.next_s(0.0)

    assert len({backoff.next_s(0.0) for backoff in backoffs}) == 20

"""Every slot is accepted for by exactly one worker, as long as there is one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.supervising.adoption import adopt


@given(ready=st.lists(st.booleans(), min_size=1, max_size=40))
def test_each_orphan_has_one_taker(ready: list[bool]) -> None:
    taken = adopt(ready)

    orphans = [slot for slot, is_ready in enumerate(ready) if not is_ready]
    all_taken = sorted(slot for slots in taken for slot in slots)
    assert all_taken == (orphans if any(ready) else [])
    for slot, others in enumerate(taken):
        assert not others or ready[slot]


@given(ready=st.lists(st.booleans(), min_size=1, max_size=40))
def test_neighbours_share_the_orphans(ready: list[bool]) -> None:
    """If every other worker is gone, each that is left takes one."""
    alternating = [number % 2 == 0 for number in range(2 * len(ready))]

    assert {len(others) for others in adopt(alternating)} == {0, 1}

"""The checker itself: against every order tried one by one, on small histories."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from support.linearizable import NEVER, Kind, Operation, apply, is_linearizable

KINDS: list[Kind] = ["read", "write", "swap", "replace"]
VALUES = st.sampled_from([None, "a", "b"])


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    kind = draw(st.sampled_from(KINDS))
    called = draw(st.integers(0, 12))
    is_answered = draw(st.booleans())
    answered = called + draw(st.integers(1, 6)) + 0.5 if is_answered else NEVER
    swapped = (
        draw(st.booleans()) if is_answered and kind in ("swap", "replace") else None
    )
    return Operation(kind, called, answered, draw(VALUES), draw(VALUES), swapped)


def explains(order: tuple[Operation, ...]) -> bool:
    value = None
    for at, operation in enumerate(order):
        if any(later.answered < operation.called for later in order[at + 1 :]):
            return False
        is_right, value = apply(operation, value)
        if not is_right:
            return False
    return True


def is_linearizable_by_trying(history: list[Operation]) -> bool:
    """Try every order of the answered ones and every choice of the others."""
    sure = [each for each in history if each.answered != NEVER]
    unsure = [each for each in history if each.answered == NEVER]
    for mask in range(1 << len(unsure)):
        chosen = [each for at, each in enumerate(unsure) if mask >> at & 1]
        chosen = [each for each in chosen if each.kind != "read"]
        if any(map(explains, permutations(sure + chosen))):
            return True
    return False


@settings(max_examples=400)
@given(st.lists(operations(), max_size=5))
def test_it_agrees_with_trying_every_order(history: list[Operation]) -> None:
    assert is_linearizable(history) == is_linearizable_by_trying(history)


def test_a_read_of_what_was_overwritten_before_it_is_found() -> None:
    history = [
        Operation("write", 0, 1, "a"),
        Operation("write", 2, 3, "b"),
        Operation("read", 4, 5, "a"),
    ]

    assert not is_linearizable(history)

"""Whether a history of one register is linearizable.

Each operation has a moment between its call and its answer at which it happened, so that
in the order of those moments every answer is right. An operation without an answer may
have happened at any moment after its call, or never. The search takes operations in turn
that no unfinished one had to precede, and remembers which sets of them led to which value
without success (Wing and Gong's search with Lowe's memory).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Value = str | None
Kind = Literal["read", "write", "swap", "replace"]
"""`swap` writes where the expected value is, `replace` where any value is but None."""
NEVER = float("inf")


@dataclass(frozen=True)
class Operation:
    """One operation on the register."""

    kind: Kind
    called: float
    answered: float
    """`NEVER`: nobody knows what came of it."""
    value: Value
    """What was read, or is written."""
    expected: Value = None
    """Of a swap: what must be there."""
    has_swapped: bool | None = None
    """Of a swap or replacement; None: nobody knows."""


def apply(operation: Operation, value: Value) -> tuple[bool, Value]:
    """Return whether its answer is right if it happens at `value`, and what is there then."""
    match operation.kind:
        case "read":
            return value == operation.value, value
        case "write":
            return True, operation.value
        case "swap" | "replace":
            swaps = value == operation.expected
            if operation.kind == "replace":
                swaps = value is not None
            if operation.has_swapped is not None and operation.has_swapped != swaps:
                return False, value
            return True, operation.value if swaps else value


def is_linearizable(history: Sequence[Operation], start: Value = None) -> bool:
    """Tell whether there is an order of `history` that explains every answer."""
    # A read that nobody saw the answer of says nothing.
    operations = [
        each for each in history if not (each.kind == "read" and each.answered == NEVER)
    ]
    operations.sort(key=lambda each: each.called)
    answered = sum(each.answered != NEVER for each in operations)
    # Of a state: which operations happened, as bits; what is there; how many of the
    # answered happened. Depth first, so that a history without faults takes one way.
    seen: set[tuple[int, Value]] = set()
    ways = [(0, start, 0, 0)]
    while ways:
        done, value, count, first = ways.pop()
        if count == answered:
            return True
        while done >> first & 1:
            first += 1
        following: list[tuple[int, Value, int, int]] = []
        deadline = NEVER
        for number in range(first, len(operations)):
            operation = operations[number]
            if operation.called > deadline:
                break  # an unfinished one was answered before this one was called
            if done >> number & 1:
                continue
            deadline = min(deadline, operation.answered)
            is_right, after = apply(operation, value)
            state = (done | 1 << number, after)
            if is_right and state not in seen:
                seen.add(state)
                more = count + (operation.answered != NEVER)
                following.append((*state, more, first))
        ways += reversed(following)
    return False

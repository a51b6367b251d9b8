"""How much of what a run came to is another when it is done again, in words.

Counted are outputs of the first run: how many of them are not the same. What only the
second run wrote is told beside them, and so are metrics: neither is one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..text import format_count

if TYPE_CHECKING:
    from lakebed.client.wire import Verdict, VerdictCreation


def is_tolerated(verdict: Verdict | VerdictCreation) -> bool:
    """Tell whether something differs, and all of it by no more than is tolerated."""
    return not verdict.is_identical and all(
        each.is_within_tolerance for each in verdict.differences
    )


def counts_text(verdict: Verdict | VerdictCreation) -> str:
    """Return what differs, by more than is tolerated: `2 of 9 outputs, 1 added`."""
    from lakebed.client.rerunning.verifying import DIFFERENCES_MAX
    from lakebed.client.wire.runs import UNLISTED

    beyond = [each for each in verdict.differences if not each.is_within_tolerance]
    of_first = [
        each
        for each in beyond
        if each.kind in ("changed", "missing") and each.path != UNLISTED
    ]
    prefixes = {each.within for each in beyond if each.within}
    outputs = sum(not each.within for each in of_first) + len(prefixes)
    added = sum(each.kind == "added" and not each.within for each in beyond)
    metrics = sum(each.kind == "metric" for each in beyond)
    least = "at least " if len(verdict.differences) >= DIFFERENCES_MAX else ""
    told = [f"{least}{outputs:,} of {format_count(verdict.compared, 'output')}"]
    if added:
        told.append(f"{added:,} added")
    if metrics:
        told.append(format_count(metrics, "metric"))
    if any(each.path == UNLISTED for each in beyond):
        told.append("and not all were compared")
    return ", ".join(told)

"""Whether a process accepts work, said to whoever spreads it over several.

`/ready` is asked on every listener, without a key, and beside the figures. What it says is
of this process alone and costs nothing, so that it is answered at every limit too: an
overloaded server that says it is not ready hands its load to the others, which then fall
one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

READY = "/ready"
RETRY_AFTER_S = 1
"""A restart takes about so long, and another server takes no time at all."""

WhyNotReady = Callable[[], str | None]
"""Returns why no work is accepted, in a few words; None: it is."""


@dataclass(frozen=True, slots=True)
class ReadinessAnswer:
    """What is said."""

    status: int
    headers: Mapping[str, str]
    text: str


def answer_ready(reason: str | None) -> ReadinessAnswer:
    """Return the answer of a process that does not accept work for `reason`."""
    headers = {
        "Content-Type": "text/plain; charset=utf-8",
        "X-Content-Type-Options": "nosniff",
        # True for a moment only; nothing between us and who asks may repeat it.
        "Cache-Control": "no-store",
    }
    if reason is None:
        # 200 and not 204: some balancers take nothing else for health.
        return ReadinessAnswer(200, headers, "ready\n")
    headers["Retry-After"] = str(RETRY_AFTER_S)
    return ReadinessAnswer(503, headers, f"not ready: {reason}\n")


def always_ready() -> str | None:
    """Return None: what serves nobody but its own process has no end of its own."""
    return None

"""How a run ended, as it is told by an exception or an exit code."""

from __future__ import annotations

import operator
import traceback
from dataclasses import dataclass
from typing import Literal, SupportsIndex

from ..errors import ConflictError
from ..wire.runs import Run

EndStatus = Literal["succeeded", "failed", "interrupted"]

CODE_MAX = (1 << 31) - 1
"""Of an exit code, whatever the system: what is larger is cut, as the system does."""
INTERRUPTED = 130
"""As shells count Ctrl-C: 128 and the number of SIGINT."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    status: EndStatus
    exit_code: int
    reason: str = ""
    """The last line of a traceback, for the log."""


SUCCEEDED = Outcome("succeeded", 0)


def outcome_of(error: BaseException | None) -> Outcome:
    """Return how a run ended that `error` came out of."""
    match error:
        case None:
            return SUCCEEDED
        case KeyboardInterrupt():
            return Outcome("interrupted", INTERRUPTED, "KeyboardInterrupt")
        case SystemExit(code=None | 0):
            return SUCCEEDED
        case SystemExit(code=int(code)):
            return Outcome("failed", plain_code(code), f"SystemExit: {code}")
        case SystemExit(code=text):
            return Outcome("failed", 1, str(text))
        case _:
            last = traceback.format_exception_only(error)[-1].strip()
            return Outcome("failed", 1, last)


def plain_code(code: SupportsIndex) -> int:
    """Return an exit code as a plain number, as a process would end with it.

    Raises:
        TypeError: it is no whole number.
    """
    number = operator.index(code)
    return number if abs(number) <= CODE_MAX else number & 0xFF


class RunNotPublishedError(ConflictError):
    """The run succeeded and its outputs could not be published: it is sealed as failed."""


def not_published(run: Run) -> RunNotPublishedError:
    """Return what to say of a run that was sealed otherwise than it ended."""
    if run.status == "lost":
        return RunNotPublishedError(
            f"run '{run.id}' counts as lost: the server heard nothing of it for too "
            "long, and has sealed it; its outputs are not published"
        )
    reasons = [each.reason for each in run.missing if each.what == "outputs"]
    kept = ", ".join(
        f"'{each.repository}/{each.work_branch}' (for '{each.branch}')"
        for each in run.work_branches
    )
    text = f"outputs of run '{run.id}' are not published"
    if reasons:
        text += f": {reasons[0]}"
    if kept:
        text += f"; what it wrote is kept: merge {kept}"
    return RunNotPublishedError(text)

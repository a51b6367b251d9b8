"""How a run ended, as it is told by an exception or an exit code."""

from __future__ import annotations

import operator
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, SupportsIndex

from ..errors import ConflictError
from ..wire.runs import NOT_PUBLISHED, Run

EndStatus = Literal["succeeded", "failed", "interrupted"]

CODE_MAX = (1 << 31) - 1
"""Of an exit code, whatever the system: what is larger is cut, as the system does."""
INTERRUPTED = 130
"""As shells count Ctrl-C: 128 and the number of SIGINT."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended."""

    status: EndStatus
    exit_code: int | None
    """What the program or command ended with; None: it was never started."""
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


def explain_not_uploaded(error: Exception, names: Sequence[str]) -> str:
    """Return what to tell a person whose outputs could not be uploaded.

    Args:
        error: why.
        names: those that a server which was away did not get, nor will get any more, as
            the run ends as failed.
    """
    if not names:
        return f"outputs are not published: {error}"
    told = ", ".join(f"'{name}'" for name in names[:NAMED_MAX])
    if len(names) > NAMED_MAX:
        told += f" and {len(names) - NAMED_MAX:,} more"
    return (
        f"outputs are not published: {error}; the local files are intact: upload {told} "
        "with 'lakebed cp -r' when the server is back, or run the command again"
    )


NAMED_MAX = 3
"""Outputs that are told one by one."""


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
    reasons = [
        each.reason.removeprefix(NOT_PUBLISHED)
        for each in run.missing
        if each.what == "outputs" and each.reason.startswith(NOT_PUBLISHED)
    ]
    # Most reasons say themselves what to do with what was kept.
    kept = [
        f"'{each.repository}/{each.work_branch}' has what it wrote for '{each.branch}'"
        for each in run.work_branches
        if not any(f"/{each.work_branch}'" in reason for reason in reasons)
    ]
    text = "; ".join([*reasons, *kept])
    return RunNotPublishedError(
        f"outputs of run '{run.id}' are not published" + (f": {text}" if text else "")
    )

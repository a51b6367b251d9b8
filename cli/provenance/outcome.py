"""What doing a run again came to, as facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..text import format_count, short
from .counts import counts_text
from .screen import Fact, Line

if TYPE_CHECKING:
    from lakebed.client.rerunning.outcome import RerunOutcome
    from lakebed.client.wire import Difference


def facts_of(found: RerunOutcome) -> list[Fact]:
    """Return what `found` tells: the verdict first."""
    differences = found.verdict.differences if found.verdict is not None else []
    return [
        Fact("verdict", [_verdict_line(found)]),
        Fact("differs", [_difference_line(each) for each in differences], 10),
        Fact("notes", [Line(each, "yellow", "fold") for each in found.notes], 10),
        Fact("runs", [Line(f"{short(found.run)}, again as {short(found.rerun)}")]),
        Fact("folder", list(_folder_lines(found.folder))),
    ]


def _verdict_line(found: RerunOutcome) -> Line:
    verdict = found.verdict
    if not found.could_run:
        return Line(_failure_text(found), "bold red")
    if verdict is None:
        return Line("it ran; --verify compares what came of it")
    compared = format_count(verdict.compared, "output")
    if verdict.is_identical:
        return Line(f"identical, {compared} compared", "bold green")
    if not found.differs:
        return Line(f"within the tolerance, {compared} compared", "bold yellow")
    return Line(f"differs: {counts_text(verdict)}", "bold red")


def _failure_text(found: RerunOutcome) -> str:
    if found.status == "failed" and found.exit_code:
        return f"it could not run: the command ended with {found.exit_code}"
    if found.status == "failed" and found.exit_code == 0:
        return "its outputs are not there, though the command ended with 0"
    return f"it could not run: the run is {found.status}"


def _difference_line(difference: Difference) -> Line:
    told = f"{difference.kind}  {difference.path}"
    if difference.first_byte is not None:
        told += f"  from byte {difference.first_byte:,}"
    if difference.detail:
        told += f": {difference.detail}"
    if difference.is_within_tolerance:
        return Line(f"{told} (tolerated)", fit="fold")
    return Line(told, "red", "fold")


def _folder_lines(folder: str | None) -> Iterable[Line]:
    if folder is not None:
        yield Line(folder, fit="fold")

"""What doing a run again came to: the document of `lakebed rerun --json`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..capture.locks import BOOTSTRAP
from ..restoring import check_environment
from ..wire import Hardware, Run, RunInput, RunStatus, VerdictCreation
from ..wire.body import Body
from .parts import Parts

TOLD_MAX = 5
"""Differences of the environment that are named; `lakebed compare` has them all."""


class RerunOutcome(Body, frozen=True, kw_only=True):
    """A run that was done again."""

    run: str
    """Id of the first run."""
    rerun: str
    """Id of the one that did it again."""
    status: RunStatus
    exit_code: int | None
    verdict: VerdictCreation | None
    """None: it was not compared."""
    notes: list[str]
    """What was not as the first time, a sentence each."""
    folder: str | None
    """Where all of it still is; None: it was removed."""

    @property
    def could_run(self) -> bool:
        """Whether the command went through."""
        return self.status == "succeeded"

    @property
    def differs(self) -> bool:
        """Whether something came out differently, by more than is tolerated."""
        return self.verdict is not None and not all(
            each.is_within_tolerance for each in self.verdict.differences
        )

    def without_folder(self) -> RerunOutcome:
        """Return the same, when the folder is gone."""
        return msgspec.structs.replace(self, folder=None)


def compare_inputs(first: Run, again: Run) -> list[str]:
    """Return what the second run read differently, a sentence each.

    Where that is so, nothing follows from what came of it.
    """
    before, after = _by_place(first.inputs), _by_place(again.inputs)
    notes = [
        f"read '{repository}/{path}' with another content than the first time"
        for (repository, path), identities in before.items()
        if (there := after.get((repository, path))) and there != identities
    ]
    if left_out := before.keys() - after.keys():
        notes.append(f"did not read {_names(left_out)}, as the first run did")
    if further := after.keys() - before.keys():
        notes.append(f"read {_names(further)}, which the first run did not")
    return notes


def compare_surroundings(first: Run, again: Run) -> list[str]:
    """Return what the second run worked in that the first did not, a sentence each.

    That is where a difference comes from that is in neither code nor data.
    """
    before, after = Parts.of(first), Parts.of(again)
    notes: list[str] = []
    if before.environment is not None and after.environment is not None:
        found = [
            f"{each}"
            for each in check_environment(before.environment, after.environment)
            if each.name not in BOOTSTRAP
        ]
        notes += found[:TOLD_MAX]
        if len(found) > TOLD_MAX:
            notes.append(
                f"and {len(found) - TOLD_MAX:,} more of the environment differ"
            )
    one, other = before.hardware, after.hardware
    if one is not None and other is not None:
        for name, then, now in (
            ("processor", one.cpu, other.cpu),
            ("graphics processor", _gpus(one), _gpus(other)),
        ):
            if then != now:
                notes.append(f"{name} '{then or 'none'}' is '{now or 'none'}' here")
    return notes


def _gpus(hardware: Hardware) -> str:
    return ", ".join(each.name for each in hardware.gpus)


def _by_place(inputs: Iterable[RunInput]) -> dict[tuple[str, str], set[str]]:
    found: dict[tuple[str, str], set[str]] = {}
    for each in inputs:
        found.setdefault((each.repository, each.path), set()).add(each.identity)
    return found


def _names(places: Iterable[tuple[str, str]]) -> str:
    names = sorted(f"'{repository}/{path}'" for repository, path in places)
    return names[0] + (f" and {len(names) - 1:,} more" if len(names) > 1 else "")

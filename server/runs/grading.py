"""How well a run can be done again, and why not better: docs/design/provenance.md.

Each rule looks at one part and says the best grade that it leaves. The worst decides.
Nothing that is not known counts as good.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
from lakebed.client.wire import Code, Configuration, Environment, Grade, Reason, Seeds
from lakebed.client.wire.body import Body
from lakebed.client.wire.run_parts import REFUSALS
from lakebed.client.wire.runs import INPUTS_CHANGED, NOT_PUBLISHED

from .record import Missing

P = TypeVar("P", bound=Body)

_GRADES: tuple[Grade, ...] = ("A", "B", "C", "D")
_CODE_FILES = ("code", "entry")
"""How names of kept files begin that have code which is not in Git."""
_CAN_BE_DONE_WITHOUT = (
    *("code.bundle", "configuration.params", "environment.lock", "hardware", "log"),
    "seeds",
    INPUTS_CHANGED,
)
"""Gaps that leave a B: they may make a difference, and mostly do not."""


UNPUBLISHED = "outputs.unpublished"
"""The gap that names what a run wrote which did not succeed. That it is not there is as it
should be: nothing is missing for doing the run again."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a run, as far as it matters for doing it again."""

    parts: Mapping[str, Mapping[str, Any]]
    """By name, as a recorder gave them."""
    files: Collection[str] = ()
    """Names of what is kept with it."""
    input_count: int = 0
    output_count: int = 0
    missing: tuple[Missing, ...] = field(default=())


def grade_run(evidence: Evidence) -> tuple[Grade, list[Reason]]:
    """Return the grade of a run, and every reason why it is not better, worst first."""
    reasons = [
        *_grade_code(evidence),
        *_grade_environment(evidence),
        *_grade_data(evidence),
        *_grade_seeds(evidence),
        *_grade_masked(evidence),
        *_grade_gaps(evidence),
    ]
    reasons.sort(key=lambda reason: reason.grade, reverse=True)
    return (reasons[0].grade if reasons else "A"), reasons


def _grade_code(evidence: Evidence) -> Iterator[Reason]:
    code = _read(evidence, "code", Code)
    if code is None:
        yield _reason(
            "D",
            "code",
            "nothing is known of the code: record the run with 'lakebed run', or with "
            "'lakebed.client.run' in Python",
        )
        return
    if code.interactive and code.notebook not in evidence.files:
        yield _reason(
            "D",
            "code.argv",
            f"what was typed into {code.interactive} is not recorded: run a script",
        )
    if code.kind == "none":
        kept = [code.untracked, code.notebook]
        if any(name in evidence.files for name in kept) or any(
            name.startswith(_CODE_FILES) for name in evidence.files
        ):
            yield _reason(
                "C", "code", "the code is not in Git: put it there, and commit"
            )
        else:
            first = "take the secret out of it, " if _has_secret(evidence) else ""
            yield _reason(
                "D",
                "code",
                "the code is not in Git, and was not kept: "
                f"{first}put it into Git, and commit",
            )
        return
    yield from _grade_git(code, evidence.files)


def _has_secret(evidence: Evidence) -> bool:
    return any(
        gap.what == "code.entry" and gap.reason.endswith(REFUSALS)
        for gap in evidence.missing
    )


def _grade_git(code: Code, files: Collection[str]) -> Iterator[Reason]:
    if code.commit is None and code.untracked not in files:
        yield _reason("C", "code.commit", "the work tree has no commit: make one")
    elif code.commit is None:
        yield _reason(
            "B",
            "code.commit",
            "the work tree has no commit, its files were kept: commit",
        )
    elif not code.is_pushed and code.bundle not in files:
        where = "there is no remote" if code.is_pushed is None else "it is not pushed"
        yield _reason(
            "B",
            "code.is_pushed",
            f"commit '{code.commit[:12]}' may be lost: {where}: push it",
        )
    if _has_lost_changes(code, files):
        yield _reason(
            "C",
            "code.diff",
            "the work tree had changes that were not kept: commit them before the run",
        )
    for left_out in code.untracked_left_out:
        way_out = (
            "never commit it: let Git ignore it, or give what is secret in the environment"
            if left_out.is_secret
            else "commit it, put it into a repository here, or let Git ignore it"
        )
        yield _reason(
            "C",
            "code.untracked",
            f"'{left_out.path}' was not kept: {left_out.reason}: {way_out}",
        )
    for submodule in code.submodules:
        if submodule.is_dirty:
            yield _reason(
                "C",
                "code.submodules",
                f"submodule '{submodule.path}' had changes: commit them there",
            )


def _has_lost_changes(code: Code, files: Collection[str]) -> bool:
    """Tell whether there were changes of which nothing is kept, or told by name."""
    names = [name for name in (code.diff, code.untracked) if name is not None]
    if not code.is_dirty or any(name in files for name in names):
        return False
    return bool(names) or not code.untracked_left_out


def _grade_environment(evidence: Evidence) -> Iterator[Reason]:
    found = _read(evidence, "environment", Environment)
    if found is None or not (
        found.python or found.locks or found.image or found.conda or found.os
    ):
        yield _reason(
            "C",
            "environment",
            "nothing is known of the environment: record the run with 'lakebed run'",
        )
        return
    if found.image or any(lock.file in evidence.files for lock in found.locks):
        return
    unknown = [each.name for each in found.distributions if not each.version]
    if unknown:
        yield _reason(
            "C",
            "environment.distributions",
            f"the version of '{unknown[0]}' is not known: install it from an index, and "
            "keep a lock file",
        )
    elif found.python or found.conda:
        yield _reason(
            "B",
            "environment.lock",
            "there is no lock file: keep one beside the code (uv.lock, poetry.lock, "
            "requirements.txt with hashes), or run in an image with a digest",
        )
    else:
        yield _reason(
            "C",
            "environment.lock",
            "nothing says which programs it ran with: run it in an image with a digest",
        )


def _grade_data(evidence: Evidence) -> Iterator[Reason]:
    if evidence.input_count:
        return
    how = (
        "name inputs with '-i lakebed://REPO/REF/PATH=LOCAL', or read them with the "
        "S3 keys of the run"
    )
    written = [gap.reason for gap in evidence.missing if gap.what == UNPUBLISHED]
    if written:
        told = written[0].partition(":")[0]
        yield _reason("C", "inputs", f"no input is known, and {told}: {how}")
    elif evidence.output_count:
        yield _reason("C", "inputs", f"no input is known: {how}")
    else:
        yield _reason(
            "D",
            "inputs",
            f"nothing is known of the data, neither read nor written: {how}",
        )


def _grade_seeds(evidence: Evidence) -> Iterator[Reason]:
    seeds = _read(evidence, "seeds", Seeds)
    if seeds is None or (seeds.seed is None and not seeds.set):
        yield _reason(
            "B",
            "seeds",
            "no seed was set: run with '--seed N', or call 'seed_everything(N)'",
        )


def _grade_masked(evidence: Evidence) -> Iterator[Reason]:
    """Tell of what was masked, if the recorder has not told it as a gap."""
    named = {gap.what for gap in evidence.missing}
    code = _read(evidence, "code", Code)
    word = code.masked_argument if code is not None else None
    if word is not None and "code.argv" not in named:
        yield _reason(
            "C",
            "code.argv",
            f"'{word}' of the command was masked: give secrets in the environment",
        )
    configuration = _read(evidence, "configuration", Configuration)
    if configuration is None or "configuration.files" in named:
        return
    for each in configuration.files:
        if each.is_masked:
            yield _reason(
                "C",
                "configuration.files",
                f"secrets in '{each.path}' were masked: give them in the environment",
            )


def _grade_gaps(evidence: Evidence) -> Iterator[Reason]:
    for gap in evidence.missing:
        if gap.what == UNPUBLISHED:
            continue
        grade = "B" if gap.what.startswith(_CAN_BE_DONE_WITHOUT) else "C"
        # What became of outputs is recorded, though they are not there.
        text = f"not recorded: {gap.reason}"
        if gap.reason.startswith(NOT_PUBLISHED):
            text = gap.reason
        elif gap.what == INPUTS_CHANGED:
            text = f"{gap.reason}: let the command write to another file"
        yield _reason(_at_best(grade), gap.what, text)


def _at_best(grade: str) -> Grade:
    return next(each for each in _GRADES if each == grade)


def _reason(grade: Grade, what: str, text: str) -> Reason:
    return Reason(grade=grade, what=what, text=text)


def _read(evidence: Evidence, part: str, shape: type[P]) -> P | None:
    """Return a part; None if there is none, or another recorder gave it another shape."""
    found = evidence.parts.get(part)
    if not found:
        return None
    try:
        return msgspec.convert(found, shape)
    except msgspec.ValidationError:
        return None

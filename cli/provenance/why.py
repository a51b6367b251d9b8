"""What produced something, as the facts of one screen.

Of each part it says what is there and what is not: a fact that is missing has a line of
its own, so that no answer looks more complete than it is.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..text import format_bytes, format_count, format_span, format_time, short
from .counts import counts_text, is_tolerated
from .screen import Fact, Line

if TYPE_CHECKING:
    from lakebed.client.rerunning.parts import Parts
    from lakebed.client.wire import (
        Code,
        Environment,
        Run,
        RunInput,
        RunOutput,
        Verdict,
        Why,
    )

FIRST_LINES = 3
"""Inputs, outputs and reasons that are shown however small the screen is."""

GRADE_STYLES = {"A": "bold green", "B": "bold yellow", "C": "bold yellow"}
"""The others are red."""


def facts_of(why: Why) -> list[Fact]:
    """Return what `why` tells, in the order in which people ask."""
    from lakebed.client.rerunning.parts import Parts

    if why.run is None:
        hidden = "made by a run of a repository that you may not read"
        return [_subject(why), Fact("run", [Line(hidden, "yellow")])]
    run, parts = why.run, Parts.of(why.run)
    return [
        _subject(why),
        Fact("run", list(_run_lines(run)), 2),
        Fact("command", list(_command_lines(parts.code)), 2),
        Fact("code", list(_code_lines(run, parts)), 3),
        Fact("data", list(_data_lines(run.inputs)), FIRST_LINES),
        Fact("config", list(_config_lines(run, parts)), 2),
        Fact("environ", list(_environment_lines(parts)), 2),
        Fact("seeds", [Line(_seeds_text(parts))]),
        Fact("metrics", _metric_lines(run)),
        Fact("outputs", list(_output_lines(run, why.output)), FIRST_LINES),
        Fact("grade", list(_grade_lines(run)), FIRST_LINES),
        Fact("re-runs", [_verdict_line(each) for each in reversed(run.verdicts)]),
        Fact("missing", list(_missing_lines(run))),
    ]


def _subject(why: Why) -> Fact:
    lines: list[Line] = []
    if why.model is not None:
        names = f" ({', '.join(why.aliases)})" if why.aliases else ""
        text = f"version {why.version} of model '{why.model}'{names}"
        lines.append(Line(text, "bold"))
    elif why.output is not None:
        lines.append(Line(why.subject, "bold", fit="end"))
    if why.others:
        ids = ", ".join(short(each) for each in why.others)
        lines.append(Line(f"the same bytes came of {ids} as well"))
    return Fact("what", lines, len(lines))


def _run_lines(run: Run) -> Iterable[Line]:
    told: str = run.status
    if run.exit_code or (run.status == "failed" and run.exit_code is not None):
        told += f", exit code {run.exit_code}"
    if run.experiment:
        told += f", experiment '{run.experiment}'"
    style = "" if run.status in ("succeeded", "running") else "bold red"
    yield Line(f"{short(run.id)} of '{run.repository}', {told}", style)
    when = format_time(run.started_ms / 1000)
    if run.ended_ms is not None:
        when += f", {format_span((run.ended_ms - run.started_ms) / 1000)}"
    yield Line(f"{when}, by {run.user}" + (f" on {run.host}" if run.host else ""))
    if run.rerun_of is not None:
        yield Line(f"does {short(run.rerun_of)} again")
    if run.parent is not None:
        yield Line(f"part of {short(run.parent)}")


def _command_lines(code: Code | None) -> Iterable[Line]:
    if code is None:
        yield Line("not recorded", "yellow")
        return
    yield Line(shlex.join(code.argv), "bold", fit="fold")
    if code.directory not in ("", "."):
        yield Line(f"in {code.directory}", fit="end")


def _code_lines(run: Run, parts: Parts) -> Iterable[Line]:
    code = parts.code
    if code is None:
        yield Line("not recorded", "yellow")
        return
    if code.kind == "none":
        yield Line("not in Git", "yellow")
    else:
        yield from _git_lines(run, code, can_rerun=_can_rerun(parts))
    # What is at a commit says all of it: the hash of one file would say less.
    if code.entry is not None and code.commit is None:
        yield Line(f"{code.entry.path}, SHA-256 {short(code.entry.sha256)}", fit="end")
    if code.notebook is not None:
        yield Line(f"cells of the notebook kept as '{code.notebook}'")


def _can_rerun(parts: Parts) -> bool:
    """Tell whether nothing of what `lakebed rerun` needs was masked, or ran in cells."""
    code, configuration = parts.code, parts.configuration
    if code is None or code.notebook is not None or code.masked_argument is not None:
        return False
    if code.interactive:
        return False
    return configuration is None or not any(
        each.is_masked for each in configuration.files
    )


def _git_lines(run: Run, code: Code, *, can_rerun: bool) -> Iterable[Line]:
    where = code.remote or f"{code.root} (no remote)"
    yield Line(where, fit="end")
    if code.commit is None:
        yield Line("no commit yet: all of it is in the kept files", "yellow")
    else:
        at = f"commit {short(code.commit)}"
        at += f" of {code.branch}" if code.branch else ", no branch"
        at += {True: ", pushed", False: ", not pushed", None: ""}[code.is_pushed]
        at += f" and kept as '{code.bundle}'" if code.bundle else ""
        yield Line(f"{at}; {_changes_text(code)}")
    if code.remote and code.commit and code.is_pushed:
        clone = f"git clone {shlex.quote(code.remote)} code && git -C code checkout"
        yield Line(f"{clone} {code.commit}", "cyan", fit="fold")
    elif code.bundle or code.commit is None:
        if can_rerun:
            yield Line(f"lakebed rerun {short(run.id)} --keep DIR", "cyan", fit="fold")
    else:
        where = f"{code.root} on {run.host}" if run.host else code.root
        yield Line(f"only in {where}: git push", "yellow", fit="fold")
    for each in code.submodules:
        dirty = ", with changes" if each.is_dirty else ""
        yield Line(f"submodule {each.path} at {short(each.commit)}{dirty}")
    for left in code.untracked_left_out:
        size = format_bytes(left.size_bytes)
        yield Line(f"left out: {left.path}, {size}: {left.reason}", "yellow")


def _changes_text(code: Code) -> str:
    kept = [name for name in (code.diff, code.untracked) if name is not None]
    if kept:
        return f"changes kept as {' and '.join(map(repr, kept))}"
    return "with changes that were not kept" if code.is_dirty else "no changes"


def _data_lines(inputs: Sequence[RunInput]) -> Iterable[Line]:
    if not inputs:
        yield Line("no input declared, none observed", "yellow")
        return
    if len(inputs) > 1:
        total = format_bytes(sum(each.size_bytes for each in inputs))
        observed = sum(each.how == "observed" for each in inputs)
        yield Line(
            f"{format_count(len(inputs), 'input')}, {total}: "
            f"{len(inputs) - observed:,} declared, {observed:,} observed"
        )
    for each in inputs:
        at = f"lakebed://{each.repository}/{short(each.commit)}/{each.path}"
        size = format_bytes(each.size_bytes)
        seen = "  observed" if each.how == "observed" else ""
        yield Line(f"{at}  {size}  {short(each.identity)}{seen}", fit="end")


def _config_lines(run: Run, parts: Parts) -> Iterable[Line]:
    if run.params:
        yield Line("  ".join(f"{name}={value}" for name, value in run.params.items()))
    if parts.configuration is not None:
        for each in parts.configuration.files:
            yield Line(f"{each.path}, SHA-256 {short(each.sha256)}", fit="end")


def _environment_lines(parts: Parts) -> Iterable[Line]:
    environment, hardware = parts.environment, parts.hardware
    if environment is None:
        yield Line("not recorded", "yellow")
    else:
        yield Line(_python_text(environment))
    machine: list[str] = []
    if environment is not None:
        machine += [environment.os]
        if environment.container is not None:
            image = environment.image or "without a digest"
            machine.append(f"{environment.container} image {image}")
    if hardware is not None:
        machine.append(hardware.cpu or hardware.machine)
        if hardware.cores:
            machine.append(format_count(hardware.cores, "core"))
        machine += [f"{gpu.name} (driver {gpu.driver})" for gpu in hardware.gpus]
    told = ", ".join(text for text in machine if text)
    if told:
        yield Line(told, fit="fold")


def _python_text(environment: Environment) -> str:
    told = f"Python {environment.python}" if environment.python else "no Python"
    if environment.manager:
        told += f" ({environment.manager})"
    count = len(environment.distributions)
    told += f", {format_count(count, 'distribution')}"
    if environment.locks:
        return f"{told}, lock {', '.join(each.path for each in environment.locks)}"
    return f"{told}, no lock file"


def _seeds_text(parts: Parts) -> str:
    seeds = parts.seeds
    if seeds is None:
        return "not recorded"
    told: list[str] = []
    by_number: dict[int, list[str]] = {}
    for name, number in sorted(seeds.set.items()):
        by_number.setdefault(number, []).append(name)
    if seeds.seed is not None and seeds.seed not in by_number:
        told.append(str(seeds.seed))
    told += [f"{number} for {', '.join(names)}" for number, names in by_number.items()]
    if seeds.pythonhashseed is not None:
        told.append(f"PYTHONHASHSEED {seeds.pythonhashseed}")
    told += [name for name, is_set in sorted(seeds.deterministic.items()) if is_set]
    return ", ".join(told) or "none set"


def _metric_lines(run: Run) -> list[Line]:
    if not run.metrics:
        return []
    return [Line("  ".join(f"{each.name}={each.last}" for each in run.metrics))]


def _output_lines(run: Run, asked: RunOutput | None) -> Iterable[Line]:
    outputs = run.outputs
    if run.status != "succeeded" and run.status != "running":
        yield Line("none published: the run did not succeed", "yellow")
        for gap in run.missing:
            if gap.what == "outputs.unpublished":
                yield Line(gap.reason.partition(":")[0], "yellow", fit="fold")
        return
    if not outputs and not run.deleted:
        yield Line("none", "yellow")
    for each in sorted(outputs, key=lambda each: each != asked):
        at = f"lakebed://{each.repository}/{short(each.commit)}/{each.path}"
        if each.commit is None:
            at = f"lakebed://{each.repository}/{each.branch}/{each.path}, not yet"
        size = "" if each.size_bytes is None else f"  {format_bytes(each.size_bytes)}"
        identity = f"  {short(each.identity)}" if each.identity else ""
        yield Line(f"{at}{size}{identity}", fit="end")
    for gone in run.deleted:
        at = f"lakebed://{gone.repository}/{short(gone.commit)}/{gone.path}"
        yield Line(f"{at}  deleted", fit="end")


def _grade_lines(run: Run) -> Iterable[Line]:
    if run.grade is None:
        yield Line("not yet: the run goes on")
        return
    proofs = [each.rerun for each in run.verdicts if each.is_identical]
    proven = f", proven by {short(proofs[-1])}" if proofs else ""
    style = GRADE_STYLES.get(run.grade, "bold red")
    yield Line(f"{run.grade}{proven}", style)
    for reason in sorted(run.reasons, key=lambda each: each.grade, reverse=True):
        yield Line(f"{reason.grade}: {reason.text}", fit="fold")


def _missing_lines(run: Run) -> Iterable[Line]:
    """Yield what could not be recorded, but for what the grade has told."""
    for each in run.missing:
        if each.what == "outputs.unpublished":
            continue  # the outputs have told
        if not any(each.reason in reason.text for reason in run.reasons):
            yield Line(f"{each.what}: {each.reason}", fit="fold")


def _verdict_line(verdict: Verdict) -> Line:
    when = format_time(verdict.at_ms / 1000)
    by = f"{short(verdict.rerun)}, {when}, by {verdict.user}"
    compared = format_count(verdict.compared, "output")
    if verdict.is_identical:
        return Line(f"identical, {compared}: {by}", "green")
    if is_tolerated(verdict):
        return Line(f"within the tolerance, {compared}: {by}", "yellow")
    return Line(f"differs in {counts_text(verdict)}: {by}", "red")

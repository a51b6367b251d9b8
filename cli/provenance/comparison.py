"""Two runs side by side, as facts: what differs, and what is the same in a count."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..text import format_bytes, format_count, short
from .screen import Fact, Line

if TYPE_CHECKING:
    from lakebed.client.rerunning.comparison import (
        CodeComparison,
        Comparison,
        InputComparison,
        PackageChange,
        ParamChange,
    )

STYLES = {"added": "green", "removed": "red", "changed": "yellow"}
LETTERS = {"added": "A", "removed": "D", "changed": "M"}


def facts_of(found: Comparison) -> list[Fact]:
    """Return what `found` tells, in the order in which people look for a reason."""
    return [
        Fact("runs", [Line(f"{short(found.left)} -> {short(found.right)}", "bold")]),
        Fact("params", list(_param_lines(found))),
        Fact("metrics", list(_metric_lines(found))),
        Fact("code", list(_code_lines(found.code))),
        Fact("data", list(_data_lines(found.inputs))),
        Fact("environ", list(_environment_lines(found.environment))),
        Fact("seeds", [_value_line(each) for each in found.seeds] or [Line("same")]),
    ]


def _param_lines(found: Comparison) -> Iterable[Line]:
    yield from (_value_line(each) for each in found.params)
    if found.same_params or not found.params:
        yield Line(f"{found.same_params:,} the same")


def _value_line(change: ParamChange) -> Line:
    match change.kind:
        case "added":
            text = f"{change.name}  - -> {change.right}"
        case "removed":
            text = f"{change.name}  {change.left} -> -"
        case _:
            text = f"{change.name}  {change.left} -> {change.right}"
    return Line(text, STYLES[change.kind], fit="fold")


def _metric_lines(found: Comparison) -> Iterable[Line]:
    for each in found.metrics:
        left = "-" if each.left is None else f"{each.left}"
        right = "-" if each.right is None else f"{each.right}"
        text = f"{each.name}  {left} -> {right}"
        if each.left == each.right:
            yield Line(f"{each.name}  {left}, the same")
        elif each.difference is None:
            yield Line(text, "yellow")
        else:
            yield Line(f"{text}  ({each.difference:+.6g})", "yellow")
    if not found.metrics:
        yield Line("none")


def _code_lines(code: CodeComparison | None) -> Iterable[Line]:
    if code is None:
        yield Line("not recorded of both", "yellow")
        return
    if code.left_remote != code.right_remote:
        text = (
            f"{code.left_remote or 'no remote'} -> {code.right_remote or 'no remote'}"
        )
        yield Line(text, "yellow", fit="fold")
    if code.left == code.right:
        yield Line(f"same commit {short(code.left)}" if code.left else "no commit")
    else:
        yield Line(f"commit {short(code.left)} -> {short(code.right)}", "yellow")
    if code.files is None:
        yield Line("no clone here has both commits: --code DIR names one")
    for each in code.files or ():
        yield Line(f"{LETTERS[each.kind]}  {each.path}", STYLES[each.kind], fit="end")
    if code.has_other_changes:
        yield Line("what was not committed differs", "yellow")
    if code.left_argv != code.right_argv:
        yield Line(f"- {shlex.join(code.left_argv)}", "red", fit="fold")
        yield Line(f"+ {shlex.join(code.right_argv)}", "green", fit="fold")


def _data_lines(inputs: Iterable[InputComparison]) -> Iterable[Line]:
    same = 0
    for each in inputs:
        if each.kind == "same":
            same += 1
            continue
        where = f"{each.repository}/{each.path or '/'}"
        ids = f"{short(each.left_commit)} -> {short(each.right_commit)}"
        yield Line(f"{LETTERS[each.kind]}  {where}  {ids}", STYLES[each.kind], "end")
        yield Line(f"   {_counts_text(each)}")
    if same:
        yield Line(f"{format_count(same, 'input')} the same")


def _counts_text(found: InputComparison) -> str:
    if found.problem is not None:
        return f"cannot say what changed: {found.problem}"
    counts = [
        f"{count:,} {kind}"
        for count, kind in (
            (found.files_added, "added"),
            (found.files_removed, "removed"),
            (found.files_changed, "changed"),
        )
        if count
    ]
    told = f"{', '.join(counts)}; " if counts else ""
    more = "" if found.is_complete else ", and more"
    sizes = f"+{format_bytes(found.bytes_added)} -{format_bytes(found.bytes_removed)}"
    return f"{told}{sizes}{more}"


def _environment_lines(changes: Iterable[PackageChange] | None) -> Iterable[Line]:
    if changes is None:
        yield Line("not recorded of both", "yellow")
        return
    is_same = True
    for each in changes:
        is_same = False
        kind = "changed"
        if each.left is None or each.right is None:
            kind = "added" if each.left is None else "removed"
        text = f"{each.name}  {each.left or '-'} -> {each.right or '-'}"
        yield Line(text, STYLES[kind], fit="fold")
    if is_same:
        yield Line("same")

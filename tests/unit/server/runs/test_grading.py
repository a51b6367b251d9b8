"""Grades: each gap leaves its grade, the worst decides, and every reason says a way out."""

from __future__ import annotations

from typing import Any

import pytest
from lakebed.server.runs.grading import UNPUBLISHED, Evidence, grade_run
from lakebed.server.runs.record import Missing

CODE: dict[str, Any] = {
    "kind": "git",
    "argv": ["python", "train.py"],
    "directory": ".",
    "commit": "a" * 40,
    "is_pushed": True,
}
LOCK = {"path": "uv.lock", "kind": "uv", "file": "lock", "sha256": "0" * 64}
ENVIRONMENT: dict[str, Any] = {"python": "3.11.9", "locks": [LOCK]}
MASKED_FILE = {"path": "c", "file": "config/c", "sha256": "0", "is_masked": True}
SEEDS: dict[str, Any] = {"seed": 1}


def evidence(
    *,
    code: dict[str, Any] | None = None,
    environment: dict[str, Any] | None = None,
    seeds: dict[str, Any] | None = None,
    configuration: dict[str, Any] | None = None,
    files: tuple[str, ...] = (),
    inputs: int = 1,
    outputs: int = 1,
    missing: tuple[Missing, ...] = (),
) -> Evidence:
    parts = {
        "code": CODE if code is None else code,
        "environment": ENVIRONMENT if environment is None else environment,
        "seeds": SEEDS if seeds is None else seeds,
        "configuration": configuration or {},
    }
    return Evidence(parts, ("lock", *files), inputs, outputs, missing)


def test_all_that_is_asked_for_is_an_a_without_reasons() -> None:
    assert grade_run(evidence()) == ("A", [])


@pytest.mark.parametrize(
    ("grade", "what", "given"),
    [
        ("D", "code.argv", {"code": {**CODE, "argv": ["ipython"]}}),
        ("B", "code.is_pushed", {"code": {**CODE, "is_pushed": False}}),
        ("B", "code.is_pushed", {"code": {**CODE, "is_pushed": None}}),
        ("C", "code.commit", {"code": {**CODE, "commit": None}}),
        ("C", "code.diff", {"code": {**CODE, "is_dirty": True, "diff": "diff"}}),
        (
            "C",
            "code.untracked",
            {
                "code": {
                    **CODE,
                    "untracked_left_out": [
                        {"path": "big", "size_bytes": 1, "reason": "too large"}
                    ],
                }
            },
        ),
        (
            "C",
            "code.submodules",
            {
                "code": {
                    **CODE,
                    "submodules": [{"path": "s", "commit": "b", "is_dirty": True}],
                }
            },
        ),
        ("C", "code.argv", {"code": {**CODE, "argv": ["fit", "--token=***"]}}),
        ("C", "configuration.files", {"configuration": {"files": [MASKED_FILE]}}),
        ("D", "code", {"code": {**CODE, "kind": "none", "commit": None}}),
        ("D", "code", {"code": {}}),
        ("D", "code", {"code": {"kind": 7}}),
        ("C", "environment", {"environment": {}}),
        ("B", "environment.lock", {"environment": {"python": "3.11"}}),
        (
            "C",
            "environment.distributions",
            {
                "environment": {
                    "python": "3.11",
                    "distributions": [{"name": "x", "version": ""}],
                }
            },
        ),
        ("B", "seeds", {"seeds": {}}),
        ("C", "inputs", {"inputs": 0}),
        ("D", "inputs", {"inputs": 0, "outputs": 0}),
        ("C", "code.diff", {"missing": (Missing("code.diff", "over 10 MiB"),)}),
        ("B", "environment.lock", {"missing": (Missing("environment.lock", "none"),)}),
        ("C", "outputs", {"missing": (Missing("outputs", "conflict"),)}),
    ],
)
def test_one_gap_leaves_its_grade(grade: str, what: str, given: dict[str, Any]) -> None:
    found, reasons = grade_run(evidence(**given))

    assert found == grade
    assert [reason.what for reason in reasons] == [what]
    assert ":" in reasons[0].text


@pytest.mark.parametrize(
    "given",
    [
        {
            "code": {**CODE, "is_pushed": False, "bundle": "code.pack"},
            "files": ("code.pack",),
        },
        {
            "code": {**CODE, "is_dirty": True, "diff": "code.diff"},
            "files": ("code.diff",),
        },
        {"environment": {"python": "3", "image": "sha256:0"}},
        {"seeds": {"set": {"numpy": 1}}},
    ],
)
def test_what_is_kept_closes_the_gap(given: dict[str, Any]) -> None:
    assert grade_run(evidence(**given))[0] == "A"


def test_what_was_written_and_not_published_is_told_and_costs_nothing_else() -> None:
    gap = Missing(UNPUBLISHED, "2 files of branch 'main' were written")

    unknown = grade_run(evidence(inputs=0, outputs=0, missing=(gap,)))
    known = grade_run(evidence(outputs=0, missing=(gap,)))

    assert unknown[0] == "C"
    assert "neither read nor written" not in unknown[1][0].text
    assert "no input is known, and 2 files of branch 'main' were written: name" in (
        unknown[1][0].text
    )
    assert known == ("A", [])


def test_the_worst_reason_decides_and_all_are_listed() -> None:
    grade, reasons = grade_run(
        evidence(code={**CODE, "is_pushed": False}, seeds={}, inputs=0, outputs=0)
    )

    assert grade == "D"
    assert [reason.grade for reason in reasons] == ["D", "B", "B"]


@pytest.mark.parametrize(
    "reason",
    [
        "its name says that it holds secrets",
        "there is what looks like a secret in it",
    ],
)
def test_nobody_is_told_to_commit_a_secret(reason: str) -> None:
    left_out = [{"path": "id_rsa", "size_bytes": 1, "reason": reason}]

    _, reasons = grade_run(
        evidence(code={**CODE, "is_dirty": True, "untracked_left_out": left_out})
    )

    (said,) = reasons
    assert "'id_rsa' was not kept" in said.text
    assert "let Git ignore it, or give what is secret in the environment" in said.text
    assert "commit" not in said.text.replace("never commit it", "")


def test_nobody_is_told_to_commit_code_with_a_secret_as_it_is() -> None:
    code = {**CODE, "kind": "none", "commit": None}
    gap = Missing(
        "code.entry", "'a.py' is not kept: there is what looks like a secret in it"
    )

    _, reasons = grade_run(evidence(code=code, missing=(gap,)))

    assert "take the secret out of it, put it into Git" in reasons[0].text


def test_what_else_was_left_out_may_be_committed() -> None:
    left_out = [{"path": "a", "size_bytes": 1, "reason": "it is larger than 4 MB"}]

    _, reasons = grade_run(evidence(code={**CODE, "untracked_left_out": left_out}))

    assert "commit it, put it into a repository here" in reasons[0].text


def test_what_was_masked_is_told_once() -> None:
    code = {**CODE, "argv": ["fit", "--token=***"]}
    gaps = (Missing("code.argv", "masked"), Missing("configuration.files", "masked"))

    grade, reasons = grade_run(
        evidence(code=code, configuration={"files": [MASKED_FILE]}, missing=gaps)
    )

    assert grade == "C"
    assert [each.what for each in reasons] == ["code.argv", "configuration.files"]

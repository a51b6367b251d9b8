"""What differs is counted against what there was to compare, and nothing else."""

from __future__ import annotations

import pytest
from lakebed.cli.provenance.counts import counts_text, is_tolerated
from lakebed.cli.provenance.why import facts_of
from lakebed.client.wire import Difference, Verdict, VerdictCreation, Why
from lakebed.client.wire.runs import UNLISTED

from support.told_runs import make_run

CHANGED = Difference(path="a", kind="changed")
RENAMED = [Difference(path="b", kind="missing"), Difference(path="c", kind="added")]
METRIC = Difference(path="loss", kind="metric")
TOLERATED = Difference(path="d", kind="changed", is_within_tolerance=True)
BELOW = [
    Difference(path=f"out/{name}", within="out/", kind=kind)
    for name, kind in (("a", "changed"), ("b", "missing"), ("c", "added"))
]
UNKNOWN = Difference(path=UNLISTED, kind="missing")


def verdict(*differences: Difference, compared: int = 3) -> VerdictCreation:
    return VerdictCreation(
        rerun="ab" * 16,
        is_identical=not differences,
        compared=compared,
        differences=list(differences),
    )


@pytest.mark.parametrize(
    ("differences", "told"),
    [
        ([CHANGED], "1 of 3 outputs"),
        ([CHANGED, *RENAMED], "2 of 3 outputs, 1 added"),
        ([RENAMED[1]], "0 of 3 outputs, 1 added"),
        ([METRIC, METRIC], "0 of 3 outputs, 2 metrics"),
        ([CHANGED, TOLERATED], "1 of 3 outputs"),
        ([*BELOW, CHANGED], "2 of 3 outputs"),
        ([UNKNOWN], "0 of 3 outputs, and not all were compared"),
        ([CHANGED] * 1000, "at least 1,000 of 5,000 outputs"),
    ],
)
def test_only_outputs_of_the_first_run_are_counted_as_such(
    differences: list[Difference], told: str
) -> None:
    compared = 5000 if len(differences) == 1000 else 3

    assert counts_text(verdict(*differences, compared=compared)) == told


@pytest.mark.parametrize(
    ("differences", "told"),
    [
        ([CHANGED, *RENAMED, METRIC], "differs in 2 of 3 outputs, 1 added, 1 metric: "),
        ([TOLERATED], "within the tolerance, 3 outputs: "),
    ],
)
def test_why_counts_as_the_rerun_did(differences: list[Difference], told: str) -> None:
    found = verdict(*differences)
    kept = Verdict(
        rerun=found.rerun,
        is_identical=found.is_identical,
        compared=found.compared,
        differences=found.differences,
        user="bob",
        at_ms=1_764_000_000_000,
    )
    run = make_run(verdicts=[kept])

    facts = {each.label: each for each in facts_of(Why(subject=run.id, run=run))}

    assert facts["re-runs"].lines[0].text.startswith(told)


def test_what_is_identical_is_not_called_tolerated() -> None:
    assert not is_tolerated(verdict())
    assert is_tolerated(verdict(TOLERATED))
    assert not is_tolerated(verdict(TOLERATED, CHANGED))

"""Identical is what was compared and is the same; everything else is a difference."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client import NotFoundError
from lakebed.client.rerunning.errors import RerunError
from lakebed.client.rerunning.outcome import (
    RerunOutcome,
    compare_inputs,
    compare_surroundings,
)
from lakebed.client.rerunning.verifying import (
    Tolerances,
    check_verifiable,
    verify_run,
)
from lakebed.client.wire import (
    Diff,
    Distribution,
    Hardware,
    MetricSummary,
    Missing,
    Run,
    RunDeletion,
    RunOutput,
    VerdictCreation,
)

from support.told_runs import (
    ENVIRONMENT,
    make_input,
    make_metric,
    make_output,
    make_run,
)

AGAIN = "aa" * 16
FIRST_COMMIT, AGAIN_COMMIT = "1" * 64, "2" * 64


class ReadingLake:
    """Has objects by commit and path, and remembers which were fetched."""

    def __init__(self, objects: Mapping[tuple[str, str], bytes] | None = None) -> None:
        self.objects = dict(objects or {})
        self.fetched: list[tuple[str, str]] = []
        self.rows: list[Diff] = []

    async def iter_diff(self, *_: Any, **__: Any) -> AsyncIterator[Diff]:
        for row in self.rows:
            yield row

    async def download_object(
        self, repository: str, ref: str, path: str, to: Path
    ) -> int:
        self.fetched.append((ref, path))
        if (ref, path) not in self.objects:
            raise NotFoundError(f"object not found: '{path}'")
        return await asyncio.to_thread(to.write_bytes, self.objects[ref, path])


def first_output(path: str, identity: str = "e" * 64, **more: Any) -> RunOutput:
    return make_output(path, identity=identity, commit=FIRST_COMMIT, **more)


def again_output(path: str, identity: str = "e" * 64, **more: Any) -> RunOutput:
    return make_output(
        path, identity=identity, commit=AGAIN_COMMIT, branch="run-aa-1", **more
    )


def run_pair(
    first: list[RunOutput],
    again: list[RunOutput],
    *,
    metrics: tuple[list[MetricSummary], list[MetricSummary]] = ([], []),
) -> tuple[Run, Run]:
    return (
        make_run(outputs=first, metrics=metrics[0]),
        make_run(id=AGAIN, outputs=again, metrics=metrics[1]),
    )


async def verify(
    pair: tuple[Run, Run],
    folder: Path,
    *,
    lake: ReadingLake | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> VerdictCreation:
    return await verify_run(
        lake or ReadingLake(),
        *pair,
        folder=folder,
        tolerances=Tolerances(tolerances or {}),
    )


async def test_the_same_content_is_identical_and_nothing_is_fetched(
    tmp_path: Path,
) -> None:
    lake = ReadingLake()
    paths = ["a", "b/c"]
    pair = run_pair([first_output(p) for p in paths], [again_output(p) for p in paths])

    verdict = await verify(pair, tmp_path, lake=lake)

    assert verdict == VerdictCreation(rerun=AGAIN, is_identical=True, compared=2)
    assert lake.fetched == []


async def test_what_differs_is_fetched_and_told_to_the_byte(tmp_path: Path) -> None:
    lake = ReadingLake(
        {(FIRST_COMMIT, "m.bin"): b"abcdef", (AGAIN_COMMIT, "m.bin"): b"abcXef"}
    )
    pair = run_pair(
        [first_output("m.bin"), first_output("same")],
        [again_output("m.bin", "f" * 64), again_output("same")],
    )

    verdict = await verify(pair, tmp_path, lake=lake)

    assert not verdict.is_identical
    assert verdict.compared == 2
    (difference,) = verdict.differences
    assert (difference.path, difference.kind) == ("m.bin", "changed")
    assert difference.first_byte == 3
    assert {path for _, path in lake.fetched} == {"m.bin"}


async def test_outputs_that_only_one_run_has_are_differences(tmp_path: Path) -> None:
    pair = run_pair(
        [first_output("gone"), first_output("kept")],
        [again_output("kept"), again_output("new")],
    )

    verdict = await verify(pair, tmp_path)

    assert [(d.path, d.kind) for d in verdict.differences] == [
        ("gone", "missing"),
        ("new", "added"),
    ]
    assert not verdict.is_identical


@pytest.mark.parametrize(
    ("first", "again", "differs"),
    [
        (["a", "b"], ["b", "a"], []),
        (["a", "b"], ["b"], [("a", "missing")]),
        ([], ["c"], [("c", "added")]),
    ],
)
async def test_what_was_deleted_is_compared(
    tmp_path: Path, first: list[str], again: list[str], differs: list[tuple[str, str]]
) -> None:
    def gone(paths: list[str], branch: str) -> list[RunDeletion]:
        return [
            RunDeletion(repository="sales", branch=branch, path=path, commit="c" * 64)
            for path in paths
        ]

    pair = (
        make_run(outputs=[], deleted=gone(first, "main"), metrics=[]),
        make_run(id=AGAIN, outputs=[], deleted=gone(again, "run-1"), metrics=[]),
    )

    verdict = await verify(pair, tmp_path)

    assert [(each.path, each.kind) for each in verdict.differences] == differs
    assert verdict.is_identical == (not differs)
    assert verdict.compared == len(first)
    if first:
        check_verifiable(pair[0])


async def test_that_it_differs_is_known_even_if_the_bytes_are_gone(
    tmp_path: Path,
) -> None:
    pair = run_pair([first_output("a")], [again_output("a", "f" * 64)])

    verdict = await verify(pair, tmp_path)

    assert not verdict.is_identical
    assert "object not found" in verdict.differences[0].detail


async def test_a_prefix_of_which_single_files_are_known_is_compared_by_them(
    tmp_path: Path,
) -> None:
    """What others put below the prefix meanwhile is not what the run published."""
    first = [first_output("out/", kind="prefix"), first_output("out/a")]
    again = [again_output("out/", "9" * 64, kind="prefix"), again_output("out/a")]

    verdict = await verify(run_pair(first, again), tmp_path)

    assert verdict.is_identical
    assert verdict.compared == 1


@pytest.mark.parametrize("identity", ["e" * 64, "9" * 64])
async def test_what_a_record_had_no_room_for_is_compared_by_its_prefix(
    tmp_path: Path, identity: str
) -> None:
    gap = Missing(what="outputs", reason="more than 10000 files: not listed")
    lake = ReadingLake()
    lake.rows = [Diff(type="changed", path="out/zz", path_type="object")]
    first, again = run_pair(
        [first_output("out/", kind="prefix"), first_output("out/a")],
        [again_output("out/", identity, kind="prefix"), again_output("out/a")],
    )
    first = msgspec.structs.replace(first, missing=[gap])

    verdict = await verify((first, again), tmp_path, lake=lake)

    assert verdict.is_identical == (identity == "e" * 64)
    assert [each.path for each in verdict.differences] == (
        [] if verdict.is_identical else ["out/zz"]
    )


async def test_what_no_record_lists_is_not_called_the_same(tmp_path: Path) -> None:
    gap = Missing(what="outputs", reason="more than 10000 files: not listed")
    first, again = run_pair([first_output("a")], [again_output("a")])
    first = msgspec.structs.replace(first, missing=[gap])

    verdict = await verify((first, again), tmp_path)

    assert not verdict.is_identical
    assert "not all were compared" in verdict.differences[0].detail


async def test_a_prefix_alone_is_told_apart_by_the_server(tmp_path: Path) -> None:
    lake = ReadingLake()
    lake.rows = [
        Diff(type="added", path="out/n", path_type="object"),
        Diff(type="removed", path="out/g", path_type="object"),
    ]
    first = [first_output("out/", kind="prefix")]
    again = [again_output("out/", "9" * 64, kind="prefix")]

    verdict = await verify(run_pair(first, again), tmp_path, lake=lake)

    assert [(d.path, d.kind) for d in verdict.differences] == [
        ("out/g", "missing"),
        ("out/n", "added"),
    ]


async def test_a_prefix_that_did_not_come_again_is_missing(tmp_path: Path) -> None:
    first = [first_output("out/", kind="prefix")]

    verdict = await verify(run_pair(first, []), tmp_path)

    assert [(d.path, d.kind) for d in verdict.differences] == [("out/", "missing")]


async def test_metrics_are_compared_and_a_tolerance_is_not_called_identical(
    tmp_path: Path,
) -> None:
    metrics = (
        [make_metric("auc", 0.5), make_metric("loss", 1.0), make_metric("old", 1)],
        [make_metric("auc", 0.5 + 1e-9), make_metric("loss", 2.0)],
    )
    pair = run_pair([first_output("a")], [again_output("a")], metrics=metrics)

    verdict = await verify(pair, tmp_path, tolerances={"a*": 1e-6, "auc": 0})

    assert [(d.path, d.is_within_tolerance) for d in verdict.differences] == [
        ("auc", True),
        ("loss", False),
        ("old", False),
    ]
    assert not verdict.is_identical


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("nan", "nan", True), ("inf", "-inf", False), ("nan", 1.0, False), (1, 1.0, True)],
)
async def test_metrics_that_are_no_numbers(
    tmp_path: Path, one: Any, other: Any, same: bool
) -> None:
    first, second = (
        [msgspec.structs.replace(make_metric("m", 0), last=each)]
        for each in (one, other)
    )
    metrics = (first, second)
    pair = run_pair([first_output("a")], [again_output("a")], metrics=metrics)

    verdict = await verify(pair, tmp_path, tolerances={"m": 1e9})

    assert verdict.is_identical == same
    assert not any(each.is_within_tolerance for each in verdict.differences)


@given(
    before=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12")),
    after=st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("12")),
)
async def test_identical_means_the_same_paths_with_the_same_content(
    tmp_path_factory: pytest.TempPathFactory,
    before: dict[str, str],
    after: dict[str, str],
) -> None:
    pair = run_pair(
        [first_output(path, identity * 64) for path, identity in before.items()],
        [again_output(path, identity * 64) for path, identity in after.items()],
    )

    verdict = await verify(pair, tmp_path_factory.getbasetemp())

    assert verdict.is_identical == (before == after)
    expected = {
        p for p in before.keys() | after.keys() if before.get(p) != after.get(p)
    }
    assert {each.path for each in verdict.differences} == expected


def test_a_run_with_nothing_to_compare_is_not_verified() -> None:
    nothing = make_run(outputs=[], metrics=[])
    with pytest.raises(RerunError, match="published nothing and logged no metric"):
        check_verifiable(nothing)
    with pytest.raises(RerunError, match="failed, so that there is nothing"):
        check_verifiable(make_run(status="failed"))
    with pytest.raises(RerunError, match="still going on"):
        check_verifiable(make_run(status="running"))
    check_verifiable(make_run(outputs=[]))


@pytest.mark.parametrize("distance", [-1.0, float("nan")])
def test_a_tolerance_that_means_nothing_is_refused(distance: float) -> None:
    with pytest.raises(RerunError, match="must be 0 or more"):
        Tolerances({"auc": distance})


def test_a_run_that_read_other_data_is_told_from_one_that_read_the_same() -> None:
    first = make_run(inputs=[make_input("a"), make_input("b"), make_input("c")])
    again = make_run(
        inputs=[
            make_input("a", how="observed"),
            make_input("b", identity="9" * 64),
            make_input("d"),
        ]
    )

    assert compare_inputs(first, first) == []
    assert compare_inputs(first, again) == [
        "read 'sales/b' with another content than the first time",
        "did not read 'sales/c', as the first run did",
        "read 'sales/d', which the first run did not",
    ]


def test_another_environment_or_machine_is_told() -> None:
    numpy = Distribution(name="numpy", version="2.3.2")
    here = msgspec.structs.replace(
        ENVIRONMENT, distributions=[numpy, Distribution(name="pip", version="1")]
    )
    again = make_run(environment=here, hardware=Hardware(machine="x86_64", cpu="Other"))

    assert compare_surroundings(make_run(), make_run()) == []
    assert compare_surroundings(make_run(environment={}), again)[1:] == []
    assert compare_surroundings(make_run(), again) == [
        "numpy 2.3.1 is 2.3.2 here",
        "scikit-learn 1.8.0 is not there",
        "processor 'AMD EPYC 9354' is 'Other' here",
    ]


async def test_a_difference_within_tolerance_is_no_failure(tmp_path: Path) -> None:
    metrics = ([make_metric("auc", 0.5)], [make_metric("auc", 0.6)])
    pair = run_pair([first_output("a")], [again_output("a")], metrics=metrics)

    def outcome(verdict: VerdictCreation) -> RerunOutcome:
        return RerunOutcome(
            run="1",
            rerun="2",
            status="succeeded",
            exit_code=0,
            verdict=verdict,
            notes=[],
            folder=None,
        )

    strict = outcome(await verify(pair, tmp_path))
    tolerant = outcome(await verify(pair, tmp_path, tolerances={"auc": 0.2}))

    assert strict.differs
    assert not tolerant.differs

"""Two runs are compared part by part, and what cannot be known is said."""

from __future__ import annotations

import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from lakebed.cli.provenance.comparison import facts_of
from lakebed.cli.provenance.screen import print_facts
from lakebed.client import NotFoundError
from lakebed.client.rerunning.comparing import FILES_COUNTED_MAX, compare_runs
from lakebed.client.rerunning.comparison import Comparison, FileChange
from lakebed.client.wire import Diff, KeptFile, Run, Seeds

from support.told_runs import CODE, COMMIT, make_input, make_metric, make_run

OTHER_COMMIT = "b" * 64


class DiffingLake:
    """Answers one diff, and remembers what it was asked."""

    def __init__(self, *rows: Diff, error: Exception | None = None) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        self._rows = rows
        self._error = error

    async def iter_diff(
        self, repository: str, left: str, right: str, **query: Any
    ) -> AsyncIterator[Diff]:
        self.asked.append((repository, left, right, query["prefix"]))
        if self._error is not None:
            raise self._error
        for row in self._rows:
            yield row


def row(kind: Any, size: int | None = None, left: int | None = None) -> Diff:
    return Diff(
        type=kind, path="p", path_type="object", size_bytes=size, left_size_bytes=left
    )


async def compare(
    left: Run, right: Run, lake: DiffingLake | None = None, *clones: Path
) -> Comparison:
    # Environments are compared by what restores them, which has tests of its own.
    plain = [msgspec.structs.replace(run, environment={}) for run in (left, right)]
    return await compare_runs(lake or DiffingLake(), *plain, clones=clones)


async def test_a_run_is_the_same_as_itself() -> None:
    lake = DiffingLake()

    found = await compare(make_run(), make_run(), lake)

    assert found.params == []
    assert found.same_params == 2
    assert found.code is not None
    assert found.code.files == []
    assert not found.code.has_other_changes
    assert [each.kind for each in found.inputs] == ["same"]
    assert [each.difference for each in found.metrics] == [0, 0]
    assert found.seeds == []
    assert lake.asked == []


async def test_parameters_are_told_apart_by_type_as_well() -> None:
    left = make_run(params={"a": 1, "b": 1, "c": None, "d": "x", "e": True})
    right = make_run(params={"a": 1, "b": 1.0, "d": "y", "e": 1, "f": None})

    found = await compare(left, right)

    assert [(each.name, each.kind) for each in found.params] == [
        ("b", "changed"),
        ("c", "removed"),
        ("d", "changed"),
        ("e", "changed"),
        ("f", "added"),
    ]
    assert found.same_params == 1


async def test_metrics_are_subtracted_where_they_are_numbers() -> None:
    left = make_run(metrics=[make_metric("auc", 0.5), make_metric("old", 1)])
    right = make_run(
        metrics=[
            make_metric("auc", 0.75),
            msgspec.structs.replace(make_metric("new", 1), last="nan"),
        ]
    )

    found = await compare(left, right)

    assert [(m.name, m.left, m.right, m.difference) for m in found.metrics] == [
        ("auc", 0.5, 0.75, 0.25),
        ("new", None, "nan", None),
        ("old", 1, None, None),
    ]


async def test_data_is_counted_between_the_commits_that_were_read() -> None:
    lake = DiffingLake(
        row("added", 10), row("removed", 7, 7), row("changed", 30, 20), row("added", 1)
    )
    right = make_run(inputs=[make_input(commit=OTHER_COMMIT, identity="9" * 64)])

    found = await compare(make_run(), right, lake)

    (pair,) = found.inputs
    assert lake.asked == [("sales", COMMIT, OTHER_COMMIT, "2026/")]
    assert (pair.files_added, pair.files_removed, pair.files_changed) == (2, 1, 1)
    assert (pair.bytes_added, pair.bytes_removed) == (41, 27)
    assert pair.is_complete


async def test_a_commit_that_changed_nothing_below_the_path_is_no_difference() -> None:
    right = make_run(inputs=[make_input(commit=OTHER_COMMIT)])
    lake = DiffingLake()

    found = await compare(make_run(), right, lake)

    assert found.inputs[0].kind == "same"
    assert lake.asked == []


async def test_inputs_of_one_side_are_told_and_thousands_of_files_ask_nothing() -> None:
    left = make_run(inputs=[make_input(f"{n}.csv", size_bytes=2) for n in range(2000)])
    right = make_run(
        inputs=[
            make_input(f"{n}.csv", size_bytes=3, identity=f"{n:064}")
            for n in range(1, 2001)
        ]
    )
    lake = DiffingLake()

    found = await compare(left, right, lake)

    kinds = [each.kind for each in found.inputs]
    assert lake.asked == []
    assert (kinds.count("removed"), kinds.count("added")) == (1, 1)
    assert sum(each.files_changed for each in found.inputs) == 1999


async def test_a_diff_that_cannot_be_had_is_a_sentence() -> None:
    right = make_run(inputs=[make_input(commit=OTHER_COMMIT, identity="9" * 64)])
    lake = DiffingLake(error=NotFoundError("commit not found: 'b'"))

    found = await compare(make_run(), right, lake)

    assert found.inputs[0].problem == "commit not found: 'b'"


async def test_counting_ends_somewhere() -> None:
    right = make_run(inputs=[make_input(commit=OTHER_COMMIT, identity="9" * 64)])
    lake = DiffingLake(*[row("added", 1)] * (FILES_COUNTED_MAX + 1))

    found = await compare(make_run(), right, lake)

    assert not found.inputs[0].is_complete
    assert found.inputs[0].files_added == FILES_COUNTED_MAX


async def test_what_was_not_committed_is_compared_as_it_was_kept() -> None:
    dirty = msgspec.structs.replace(CODE, is_dirty=True, diff="diff")
    one, other, same = (
        make_run(code=dirty, files=[KeptFile(name="diff", blob_id=blob, size_bytes=1)])
        for blob in ("1", "2", "1")
    )

    differs = (await compare(one, other)).code
    is_same = (await compare(one, same)).code

    assert differs is not None
    assert differs.has_other_changes
    assert is_same is not None
    assert not is_same.has_other_changes


async def test_seeds_are_compared() -> None:
    left, right = make_run(seeds=Seeds(seed=1)), make_run(seeds=Seeds(seed=2))

    found = await compare(left, right)

    assert [(s.name, s.left, s.right) for s in found.seeds] == [("seed", 1, 2)]


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=n", "-c", "user.email=e", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=True)
    return done.stdout.decode().strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with two commits, of files with names that are hard to list."""
    git(tmp_path, "init", "-q")
    for name in ("gone", "changed", "a b\n\tc"):
        (tmp_path / name).write_text(name)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "1")
    (tmp_path / "gone").unlink()
    (tmp_path / "changed").write_text("2")
    (tmp_path / "a b\n\tc").write_text("2")
    (tmp_path / "new").write_text("2")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "2")
    return tmp_path


async def test_a_clone_that_has_both_commits_tells_the_files(clone: Path) -> None:
    first, second = (
        msgspec.structs.replace(CODE, commit=git(clone, "rev-parse", ref), root="/none")
        for ref in ("HEAD~1", "HEAD")
    )

    found = await compare(make_run(code=first), make_run(code=second), None, clone)

    assert found.code is not None
    assert found.code.files == [
        FileChange(path="a b\n\tc", kind="changed"),
        FileChange(path="changed", kind="changed"),
        FileChange(path="gone", kind="removed"),
        FileChange(path="new", kind="added"),
    ]


async def test_a_clone_that_lacks_a_commit_tells_nothing(clone: Path) -> None:
    has = msgspec.structs.replace(
        CODE, commit=git(clone, "rev-parse", "HEAD"), root="/none"
    )
    lacks = msgspec.structs.replace(CODE, root=str(clone))

    found = await compare(make_run(code=has), make_run(code=lacks), None, clone)

    assert found.code is not None
    assert found.code.files is None
    assert found.code.left == has.commit


async def test_a_part_that_one_side_lacks_is_not_compared() -> None:
    found = await compare(make_run(code={}), make_run())

    assert found.code is None
    assert found.environment is None


async def test_what_is_shown_names_every_difference_and_nothing_that_acts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evil = "\x1b[31m"
    left = make_run(params={evil: evil}, inputs=[make_input(evil)])
    right = make_run(
        params={"lr": 1},
        metrics=[make_metric("auc", 0.75)],
        inputs=[make_input(commit=OTHER_COMMIT, identity="9" * 64)],
        code=msgspec.structs.replace(CODE, commit="d" * 40, argv=[evil], root="/none"),
    )

    print_facts(facts_of(await compare(left, right)))

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    for said in (
        "params\tlr  - -> 1",
        "metrics\tauc  0.931 -> 0.75  (-0.181)",
        "metrics\tloss  0.25 -> -",
        "code\tcommit c0de11111111 -> dddddddddddd",
        "no clone here has both commits",
        "D  sales/\\x1b[31m",
        "A  sales/2026/",
        "seeds\tsame",
    ):
        assert said in printed

"""What produced something fits one screen, and says what is not known of it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.cli.provenance.screen import Fact, Line, lay_out, print_facts
from lakebed.cli.provenance.why import facts_of
from lakebed.cli.text import width_of
from lakebed.client.wire import (
    ConfigFile,
    Configuration,
    LeftOut,
    Missing,
    Reason,
    Run,
    RunDeletion,
    Seeds,
    Verdict,
    Why,
)

from support.told_runs import (
    CODE,
    CODE_COMMIT,
    COMMIT,
    ENVIRONMENT,
    REMOTE,
    make_input,
    make_output,
    make_run,
)

ROWS = 23


def ask(run: Run, **more: object) -> Why:
    return msgspec.structs.replace(Why(subject=run.id, run=run), **more)


def screen(why: Why, *, columns: int = 80, height: int | None = ROWS) -> list[str]:
    laid = lay_out(
        [fact for fact in facts_of(why) if fact.lines], columns=columns, height=height
    )
    return [f"{label:<9}{text}" for label, text, _ in laid]


def whole(why: Why) -> str:
    return "\n".join(screen(why, columns=300, height=None))


def test_a_normal_run_is_one_screen_with_everything_that_people_ask() -> None:
    why = ask(make_run(), model="fraud", version=3, aliases=["prod"])

    lines = screen(why)

    assert len(lines) <= ROWS
    assert max(map(width_of, lines)) <= 80
    text = "\n".join(lines)
    for said in (
        "version 3 of model 'fraud' (prod)",
        "python train.py --depth 3",
        REMOTE,
        CODE_COMMIT[:12],
        "pushed; no changes",
        f"lakebed://sales/{COMMIT[:12]}/2026/",
        "1.2 GB",
        "1d1d1d1d1d1d",
        "depth=3  lr=0.1",
        "Python 3.11.7 (uv), 2 distributions, lock uv.lock",
        "42 for numpy, python, PYTHONHASHSEED 42",
        "auc=0.931",
        "lakebed://sales/0c0c0c0c0c0c/fraud/model.json  2.1 kB  2e2e2e2e2e2e",
        "by ann on node7",
        "grade    A",
    ):
        assert said in text


def test_the_command_that_checks_the_code_out_is_never_cut() -> None:
    remote = f"https://git.example/{'deep/' * 20}code.git"
    why = ask(make_run(code=msgspec.structs.replace(CODE, remote=remote)))

    joined = "".join(line[9:] for line in screen(why, columns=40, height=None))

    assert f"git clone{remote}" in joined.replace("git clone ", "git clone")
    assert CODE_COMMIT in joined


def test_many_inputs_are_counted_and_the_first_ones_named() -> None:
    inputs = [make_input(f"part-{n:04}.csv", size_bytes=1000) for n in range(500)]
    observed = [msgspec.structs.replace(each, how="observed") for each in inputs[:200]]

    lines = screen(ask(make_run(inputs=[*inputs[200:], *observed])))

    assert len(lines) <= ROWS
    text = "\n".join(lines)
    assert "500 inputs, 500 kB: 300 declared, 200 observed" in text
    assert "part-0200.csv" in text
    assert "more: --all" in text
    assert len(screen(ask(make_run(inputs=inputs)), height=None)) > 500


def test_what_is_not_known_has_a_line_of_its_own() -> None:
    bare = make_run(
        code={},
        environment={},
        hardware={},
        configuration={},
        seeds={},
        inputs=[],
        outputs=[],
        grade="D",
        reasons=[Reason(grade="D", what="code", text="not in Git: git init")],
        missing=[Missing(what="environment", reason="the command was not found")],
    )

    text = whole(ask(bare))

    assert "command  not recorded" in text
    assert "code     not recorded" in text
    assert "environ  not recorded" in text
    assert "seeds    not recorded" in text
    assert "data     no input declared, none observed" in text
    assert "D: not in Git: git init" in text
    assert "missing  environment: the command was not found" in text


def test_what_a_run_deleted_is_told_beside_its_outputs() -> None:
    gone = RunDeletion(
        repository="sales", branch="main", path="old.csv", commit="4" * 64
    )

    text = whole(ask(make_run(outputs=[], deleted=[gone])))

    assert f"outputs  lakebed://sales/{'4' * 12}/old.csv  deleted" in text


def test_what_a_failed_run_wrote_is_told_once() -> None:
    reason = (
        "2 files of branch 'main' of 'sales' were written or deleted, and not published: "
        "the run did not succeed"
    )
    gap = Missing(what="outputs.unpublished", reason=reason)
    failed = make_run(status="failed", outputs=[], missing=[gap])

    text = whole(ask(failed))

    assert "outputs  none published: the run did not succeed" in text
    assert text.count("2 files of branch 'main' of 'sales' were written") == 1
    assert "missing" not in text


def test_a_dirty_tree_whose_changes_are_kept_is_told_from_one_where_they_are_not() -> (
    None
):
    dirty = msgspec.structs.replace(CODE, is_dirty=True, is_pushed=False)
    kept = msgspec.structs.replace(dirty, diff="code.diff", untracked="untracked.tar")
    left_out = msgspec.structs.replace(
        kept, untracked_left_out=[LeftOut(path="big", size_bytes=9, reason="too large")]
    )

    assert "not pushed; with changes that were not kept" in whole(
        ask(make_run(code=dirty))
    )
    assert "changes kept as 'code.diff' and 'untracked.tar'" in whole(
        ask(make_run(code=kept))
    )
    assert "left out: big, 9 B: too large" in whole(ask(make_run(code=left_out)))


def test_a_commit_that_nobody_can_fetch_is_not_offered_to_be_cloned() -> None:
    unpushed = msgspec.structs.replace(CODE, is_pushed=False)
    kept = msgspec.structs.replace(unpushed, bundle="code.bundle")

    lost, safe = whole(ask(make_run(code=unpushed))), whole(ask(make_run(code=kept)))

    assert "git clone" not in lost + safe
    assert "only in /home/ann/fraud on node7: git push" in lost
    assert "not pushed and kept as 'code.bundle'" in safe
    assert "lakebed rerun 3f2a9c1b8d0e --keep DIR" in safe


def test_what_rerun_would_refuse_is_not_offered() -> None:
    kept = msgspec.structs.replace(CODE, is_pushed=False, bundle="code.bundle")
    argument = msgspec.structs.replace(kept, argv=["fit", "--token=***"])
    cells = msgspec.structs.replace(kept, notebook="notebook.ipynb")
    file = ConfigFile(path="c", file="config/c", sha256="0" * 64, is_masked=True)
    runs = [
        make_run(code=argument),
        make_run(code=cells),
        make_run(code=msgspec.structs.replace(kept, argv=["ipython"])),
        make_run(code=kept, configuration=Configuration(files=[file])),
    ]

    for run in runs:
        assert "lakebed rerun" not in whole(ask(run))


def test_a_failed_run_says_so_and_that_nothing_was_published() -> None:
    text = whole(ask(make_run(status="failed", exit_code=3)))

    assert "failed, exit code 3" in text
    assert "none published" in text


def test_the_proof_of_a_rerun_stands_beside_the_grade() -> None:
    again = Verdict(
        rerun="ab" * 16,
        is_identical=True,
        compared=2,
        differences=[],
        user="bob",
        at_ms=1_764_000_000_000,
    )

    text = whole(ask(make_run(verdicts=[again])))

    assert "A, proven by abababababab" in text
    assert "identical, 2 outputs: abababababab" in text


def test_the_output_that_was_asked_for_comes_first() -> None:
    outputs = [make_output(f"out/{n}.bin") for n in range(9)]

    text = whole(ask(make_run(outputs=outputs), output=outputs[7]))

    assert text.index("out/7.bin") < text.index("out/0.bin")


def test_a_flag_that_was_not_set_is_not_claimed() -> None:
    seeds = Seeds(deterministic={"torch": False, "tensorflow": True})

    text = whole(ask(make_run(seeds=seeds)))

    assert "tensorflow" in text
    assert "torch" not in text


def test_nothing_that_is_data_acts_on_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evil = "\x1b[31m\x07\n"
    run = make_run(
        experiment=evil,
        user=evil,
        host=evil,
        code=msgspec.structs.replace(CODE, argv=[evil], directory=evil, remote=evil),
        environment=msgspec.structs.replace(ENVIRONMENT, os=evil, manager=evil),
        params={evil: evil},
        inputs=[make_input(evil)],
        outputs=[make_output(evil)],
        missing=[Missing(what=evil, reason=evil)],
        reasons=[Reason(grade="C", what="code", text=evil)],
    )

    print_facts(facts_of(ask(run)))

    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert "\x07" not in printed
    assert printed.count("\n") == sum(len(f.lines) for f in facts_of(ask(run)))


def test_a_pipe_gets_every_line_with_its_label(
    capsys: pytest.CaptureFixture[str],
) -> None:
    inputs = [make_input(f"part-{n}.csv") for n in range(50)]

    print_facts(facts_of(ask(make_run(inputs=inputs))))

    printed = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("data\t") for line in printed) == 51


@given(
    counts=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    kept=st.integers(1, 3),
    height=st.integers(5, 60),
    columns=st.integers(30, 120),
)
def test_a_screen_never_runs_over_and_never_hides_without_saying_how_much(
    counts: list[int], kept: int, height: int, columns: int
) -> None:
    facts = [
        Fact(str(number), [Line(f"line {at}") for at in range(count)], kept)
        for number, count in enumerate(counts)
    ]

    laid = lay_out(facts, columns=columns, height=height)

    texts = [text for _, text, _ in laid]
    left = [int(text.split()[2]) for text in texts if text.startswith("...")]
    assert sum(left) + len(texts) - len(left) == sum(counts)
    least = sum(min(count, kept + 1) for count in counts)
    assert len(laid) <= max(height, least)
    assert max(map(width_of, texts)) <= columns


def test_a_version_whose_run_may_not_be_read_says_that_and_no_more() -> None:
    facts = facts_of(Why(subject="m@3", run=None, model="m", version=3))

    told = [(each.label, line.text) for each in facts for line in each.lines]
    assert told == [
        ("what", "version 3 of model 'm'"),
        ("run", "made by a run of a repository that you may not read"),
    ]

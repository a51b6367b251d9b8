"""`lakebed model`: what people type, over a lake that is a directory."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from lakebed.cli.main import run as run_command
from lakebed.server.runs.statuses import Status

from support.commands import Lakebed, Result
from support.engines import open_engine
from support.models import BOB, judge, make_version, train


class Lake:
    """A directory with runs in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def train(self, weights: bytes = b"w", **options: object) -> str:
        async def work() -> str:
            async with open_engine(self.directory) as engine:
                return await train(engine, {b"model/weights.bin": weights})

        return asyncio.run(work())

    def judge(self, ref: str, status: Status = Status.SUCCEEDED) -> str:
        async def work() -> str:
            async with open_engine(self.directory) as engine:
                return await judge(engine, ref, status=status)

        return asyncio.run(work())

    def register_as_bob(self) -> None:
        async def work() -> None:
            async with open_engine(self.directory) as engine:
                await make_version(engine, who=BOB)

        asyncio.run(work())


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def lakebed(
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Lakebed:
    monkeypatch.setenv("LAKEBED_SERVER", str(lake.directory))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))

    def call(*arguments: str, code: int = 0) -> Result:
        capsysbinary.readouterr()
        ended = run_command(list(arguments))
        captured = capsysbinary.readouterr()
        result = Result(ended, captured.out, captured.err.decode())
        assert ended == code, result
        return result

    return call


def test_the_road_of_a_model(lake: Lake, lakebed: Lakebed) -> None:
    first, second = lake.train(b"1"), lake.train(b"22")

    made = lakebed("model", "register", "fraud", "--run", first[:10], "-d", "one")
    assert made.out == f"registered 'fraud@1', 1 file, 1 B, of run {first[:12]}\n"
    document = lakebed(
        "model", "register", "fraud", "--run", second, "--path", "model/weights.bin",
        "--meta", "k=v", "--json",
    ).json  # fmt: skip
    assert (document["version"], document["metadata"]) == (2, {"k": "v"})
    lakebed("model", "describe", "fraud", "Is it a fraud?")
    assert lakebed("model", "promote", "fraud@1", "--alias", "prod").out == (
        "'fraud@prod' is at version 1\n"
    )
    lakebed("model", "promote", "fraud@2", "-a", "prod", "-m", "better")
    assert lakebed("cat", "lakebed://models/fraud@prod/weights.bin").data == b"22"
    listed = lakebed("model", "list")
    assert listed.out == "fraud\t2\tprod=2\tIs it a fraud?\n"
    back = lakebed("model", "rollback", "fraud@prod", "-m", "worse")
    assert back.out == "'fraud@prod' is back at version 1\n"
    assert lakebed("cat", "lakebed://models/fraud@prod/weights.bin").data == b"1"
    moves = lakebed("model", "log", "fraud", "--alias", "prod", "--json").json
    assert [(each["action"], each["new"], each["reason"]) for each in moves] == [
        ("rollback", 1, "worse"),
        ("promote", 2, "better"),
        ("promote", 1, ""),
    ]
    shown = lakebed("model", "show", "fraud@prod").out
    assert "version\tfraud@1\n" in shown
    assert "description\tone\n" in shown
    assert f"run\t{first}\n" in shown
    assert lakebed("model", "show", "fraud").out.count("\n") == 4 + 2
    promoted = lakebed("model", "promote", "fraud@prod", "-a", "old", "--json").json
    assert promoted["version"] == 1


def test_rules_approvals_and_checks(lake: Lake, lakebed: Lakebed) -> None:
    lake.register_as_bob()
    lakebed("model", "rules", "fraud", "-a", "prod", "--approval", "--check", "bias")
    lakebed("model", "rules", "fraud", "-a", "dev", "--check", "x")
    assert lakebed("model", "rules", "fraud").out == ("dev\t-\tx\nprod\tneeded\tbias\n")
    refused = lakebed("model", "promote", "fraud@1", "-a", "prod", code=4)
    assert "it needs an approval by somebody else than 'bob' and" in refused.err
    assert "and the check 'bias'" in refused.err

    run = lake.judge("fraud@1")
    checked = lakebed("model", "check", "fraud@1", "bias", "--run", run)
    assert checked.out == "check 'bias' of 'fraud@1' passed\n"
    lakebed("model", "approve", "fraud@1", "-a", "prod", "-m", "fine")
    shown = lakebed("model", "show", "fraud@1").out
    assert "check\tbias passed" in shown
    assert ": fine" in shown
    lakebed("model", "promote", "fraud@1", "-a", "prod", code=4)
    lakebed("model", "approve", "fraud@1", "-a", "prod", "--withdraw")
    lakebed("model", "rules", "fraud", "-a", "prod")
    assert lakebed("model", "rules", "fraud", "--json").json == [
        {"alias": "dev", "needs_approval": False, "checks": ["x"]}
    ]
    lakebed("model", "promote", "fraud@1", "-a", "prod")


def test_what_is_deleted(lake: Lake, lakebed: Lakebed) -> None:
    lake.register_as_bob()
    lake.register_as_bob()
    lakebed("model", "promote", "fraud@1", "-a", "prod")

    refused = lakebed("model", "delete", "fraud@1", code=4)
    assert "alias 'fraud@prod'" in refused.err
    assert "would delete" in lakebed("model", "delete", "fraud@prod", "--dry-run").out
    lakebed("model", "delete", "fraud@prod", "-y")
    lakebed("model", "delete", "fraud@1", "-y")
    assert lakebed("model", "delete", "fraud", "--json", "-y").json == {
        "model": "fraud",
        "at": None,
        "dry_run": False,
    }
    assert lakebed("model", "list", "--json").json == []


def test_what_is_misspelt_is_suggested(lake: Lake, lakebed: Lakebed) -> None:
    lake.register_as_bob()
    lakebed("model", "promote", "fraud@1", "-a", "prod")

    for arguments, hint in {
        ("model", "show", "frod"): "did you mean 'fraud'?",
        ("model", "show", "fraud@prd"): "did you mean 'prod'?",
        ("model", "show", "fraud@9"): "see: lakebed model show fraud",
        ("model", "show", "xxxxxx"): "see: lakebed model list",
        ("ls", "lakebed://models/fraud@prdo/"): "did you mean 'fraud@prod'?",
        ("model", "rollback", "fraud@nosuch"): "see: lakebed model show fraud",
    }.items():
        assert hint in lakebed(*arguments, code=3).err, arguments


@pytest.mark.parametrize(
    "arguments",
    [
        ("model", "show", "a@b@c"),
        ("model", "show", "@1"),
        ("model", "show", "a@"),
        ("model", "show", "lakebed://lake/main/x"),
        ("model", "promote", "fraud", "-a", "x"),
        ("model", "rollback", "fraud"),
        ("model", "rollback", "fraud@prod", "--alias", "x"),
        ("model", "register", "fraud@1", "--run", "x"),
        ("model", "register", "fraud"),
        ("model", "rules", "fraud", "--approval"),
    ],
)
def test_a_command_line_that_cannot_be_meant(
    lakebed: Lakebed, arguments: tuple[str, ...]
) -> None:
    refused = lakebed(*arguments, code=2)

    assert refused.err.startswith("error: ")
    assert refused.err.count("\n") == 1


def test_the_address_of_files_names_a_model_too(lake: Lake, lakebed: Lakebed) -> None:
    lake.register_as_bob()

    shown = lakebed("model", "show", "lakebed://models/fraud@1/", "--json").json
    assert shown["version"] == 1


def test_a_repository_that_a_version_needs_stays(lake: Lake, lakebed: Lakebed) -> None:
    lake.register_as_bob()

    refused = lakebed("repo", "delete", "lake", "-y", code=4)

    assert "needed by version 'fraud@1'" in refused.err
    assert "lakebed model delete" in refused.err
    lakebed("model", "delete", "fraud", "-y")
    lakebed("repo", "delete", "lake", "-y")


def test_promoting_to_where_an_alias_is_says_that_the_reason_is_not_kept(
    lake: Lake, lakebed: Lakebed
) -> None:
    lakebed("model", "register", "fraud", "--run", lake.train(), "--path", "model/")
    promote = ("model", "promote", "fraud@1", "--alias", "prod")
    first = lakebed(*promote, "--reason", "once").out
    again = lakebed(*promote, "--reason", "again").out

    assert first == "'fraud@prod' is at version 1\n"
    assert again == (
        "'fraud@prod' was there already, at version 1; the reason is not kept\n"
    )
    assert len(lakebed("model", "log", "fraud@prod").out.splitlines()) == 1


def test_an_alias_without_a_name_is_refused_as_that(
    lake: Lake, lakebed: Lakebed
) -> None:
    lakebed("model", "register", "fraud", "--run", lake.train(), "--path", "model/")

    refused = lakebed("model", "promote", "fraud@1", "--alias", "", code=1)

    assert refused.err == (
        "error: cannot move an alias of 'fraud': its name is empty: give one\n"
    )


def test_a_run_that_a_check_needs_names_the_way_out(
    lake: Lake, lakebed: Lakebed
) -> None:
    lakebed("model", "register", "fraud", "--run", lake.train(), "--path", "model/")
    judge = lake.judge("fraud@1")
    lakebed("model", "check", "fraud@1", "bias", "--run", judge)

    refused = lakebed("runs", "delete", judge, "--yes", code=4)
    assert (
        "needed by the check of fraud@1: delete those first; a check goes with its "
        in (refused.err)
    )
    # And it is a way out.
    lakebed("model", "delete", "fraud@1", "--yes")
    lakebed("runs", "delete", judge, "--yes")

"""The help page, usage errors, and the exit codes that scripts rely on."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from lakebed import client
from lakebed.cli.commands import COMMANDS, GROUPS
from lakebed.cli.exits import ExitCode, exit_code_of
from lakebed.cli.help_page import PAGE
from lakebed.cli.main import build, find_command, run
from typer.main import get_command

WITHOUT_SERVER = {"completion", "demo", "login", "logout", "serve"}
"""They ask no server, or are told which one by their argument."""


def command_names() -> set[str]:
    return set(get_command(build()).commands)  # type: ignore[attr-defined]  # pyright: ignore


def test_each_command_is_where_the_table_says() -> None:
    assert command_names() == {*COMMANDS, *GROUPS}
    for name in command_names():
        built = get_command(build(name))
        assert name in built.commands  # type: ignore[attr-defined]  # pyright: ignore


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("ls a/b", "ls"),
        ("-S run ls", "ls"),
        ("--server=run --profile cp ls cat", "ls"),
        ("nonsense ls", None),
        ("--version", None),
        ("-S", None),
        ("", None),
    ],
)
def test_the_command_of_a_line_is_found(line: str, name: str | None) -> None:
    assert find_command(line.split()) == name


def test_the_help_page_fits_a_screen() -> None:
    """80 x 24, the prompt that follows included."""
    lines = PAGE.splitlines()

    assert len(lines) <= 23
    assert max(map(len, lines)) <= 79


def test_the_help_page_names_every_command() -> None:
    words = set(re.findall(r"[a-z-]+", PAGE))

    assert command_names() <= words


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_the_help_page_is_what_help_prints(
    flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([flag]) == 0
    assert capsys.readouterr().out == PAGE


@pytest.mark.parametrize("name", sorted(command_names()))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([name, "--help"]) == 0

    out = capsys.readouterr().out
    assert out.startswith(f"Usage: lakebed {name} ")
    if name not in (*GROUPS, *WITHOUT_SERVER):
        assert "--server" in out


@pytest.mark.parametrize("arguments", [[], *([group] for group in GROUPS)])
def test_nothing_asked_shows_the_help(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith("Usage: lakebed")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frob"], "no such command 'frob'; see: lakebed --help"),
        (["difff"], "no such command 'difff'"),
        (["diff"], "missing argument 'REPO/A'; see: lakebed diff --help"),
        (["diff", "r/a", "--frob"], "no such option: --frob"),
        (["commit", "r/main"], "missing option '--message'"),
        (["commit", "r", "-m", "x"], "'r' has no ref: give REPO/REF"),
        (["commit", "r/main", "-m", "x", "--meta", "k"], "'k' is not KEY=VALUE"),
        (["cp", "a", "b"], "neither side is remote"),
        (["cp", "gs://x/y", "lakebed://r/main/x"], "cannot copy from or to 'gs://'"),
        (["mv", "r/a/x", "r/b/x"], "mv stays on one branch"),
        (["rm", "r/main/d/"], "is not one object: give -r"),
        (["merge", "r/a", "other/b"], "in another repository than 'r'"),
        (["merge", "r/a", "b", "--resolve", "p=mine"], "is not PATH=SIDE"),
        (["merge", "r/a", "b", "--strategy", "mine"], "strategy"),
        (["grant", "add", "ann", "read", "penguins"], "'penguins' is not REPO/REF"),
        (["grant", "add", "ann", "own", "r/main"], "'own' is not one of"),
        (["reset", "r/a", "--hard"], "--hard and REF go together"),
        (["cat", "r/main/p", "--start", "3", "--end", "2"], "is not behind"),
        (["log", "r/main", "-n", "0"], "-n"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == ExitCode.USAGE

    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (client.ClientError, 1),
        (client.InvalidRequestError, 1),
        (client.NothingToCommitError, 1),
        (client.UnauthenticatedError, 1),
        (client.PermissionDeniedError, 1),
        (client.ServerError, 1),
        (client.NotFoundError, 3),
        (client.ConflictError, 4),
        (client.MergeConflictError, 4),
        (client.PreconditionFailedError, 4),
        (client.ServerUnreachableError, 5),
        (client.ForeignServerError, 5),
        (client.ServerPartMissingError, 5),
        (client.InvalidProofError, 6),
    ],
)
def test_every_error_has_its_exit_code(
    error: type[client.ClientError], code: int
) -> None:
    assert exit_code_of(error("m")) == code


def test_a_defect_shows_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(text: str) -> None:
        raise RuntimeError(f"a defect met \x1b {text}")

    monkeypatch.delenv("LAKEBED_DEBUG", raising=False)
    monkeypatch.setattr("lakebed.cli.commands.history.parse_ref", fail)

    assert run(["show", "r/main"]) == ExitCode.FAILED

    err = capsys.readouterr().err
    assert "Traceback" not in err
    assert err.startswith("error: this is a defect of lakebed: RuntimeError")
    assert "\x1b" not in err
    assert "LAKEBED_DEBUG=1" in err


def test_the_version_is_that_of_the_project(
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = Path(__file__).parents[3] / "pyproject.toml"
    version = tomllib.loads(project.read_text())["project"]["version"]

    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"lakebed {version}\n"


def test_the_command_is_installed() -> None:
    (script,) = entry_points(group="console_scripts", name="lakebed")

    assert script.value == "lakebed.cli.__main__:main"

"""Completion, in a real bash on a terminal, and what the scripts ask for."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lakebed.cli.main import complete
from lakebed.client import Client

from support.commands import Lakebed
from support.terminals import BASH, BIN, PROMPT, Terminal


@pytest.fixture
def data(repository: str, lakebed: Lakebed, put: Callable[[str, str], None]) -> str:
    """A repository with a branch, a tag, and objects."""
    for path in ("data/table.csv", "data/tests/x", "notes.txt"):
        put(f"{repository}/main/{path}", "x")
    with Client() as lake:
        lake.upload_object(repository, "main", "two words.txt", b"x")
    lakebed("tag", "create", f"{repository}/v1.0")
    lakebed("branch", "create", f"{repository}/feature")
    return repository


@pytest.fixture
def terminal(
    data: str, environment: dict[str, str], tmp_path: Path
) -> Iterator[Terminal]:
    del data
    opened = Terminal(environment, tmp_path)
    yield opened
    opened.close()


@pytest.mark.skipif(BASH is None, reason="there is no bash here")
def test_bash_completes_commands_options_and_names(
    terminal: Terminal, data: str
) -> None:
    terminal.complete("lakebed cherr", "lakebed cherry-pick ")
    terminal.complete("lakebed log --first", "lakebed log --first-parent ")
    terminal.complete("lakebed branch cre", "lakebed branch create ")
    terminal.complete(f"lakebed log {data}/ma", f"lakebed log {data}/main/")
    terminal.complete(f"lakebed tag show {data}/v", f"lakebed tag show {data}/v1.0 ")
    terminal.complete(
        f"lakebed merge {data}/feature m", f"lakebed merge {data}/feature main "
    )
    terminal.complete(
        f"lakebed cat {data}/main/no", f"lakebed cat {data}/main/notes.txt "
    )
    terminal.complete(
        f"lakebed cp lakebed://{data}/main/data/tab",
        f"lakebed cp lakebed://{data}/main/data/table.csv ",
    )
    terminal.complete(f"lakebed log {data}/main da", f"lakebed log {data}/main data/")
    offered = terminal.offers(f"lakebed show {data}/")
    assert all(name in offered for name in (b"feature", b"main", b"v1.0"))


@pytest.mark.skipif(BASH is None, reason="there is no bash here")
def test_bash_shows_no_error_where_nothing_answers(
    terminal: Terminal, tmp_path: Path
) -> None:
    (tmp_path / "local-file.txt").touch()

    terminal.send(b"export LAKEBED_SERVER=http://127.0.0.1:1\n")
    terminal.read_until(PROMPT)
    terminal.complete("lakebed cp local", "lakebed cp local-file.txt ")


Ask = Callable[[str], list[str]]


@pytest.fixture
def ask(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
) -> Ask:
    """Return what is offered for a line; in this process, where a shell starts one."""
    assert environment

    def candidates(line: str) -> list[str]:
        capsysbinary.readouterr()
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", os.environ.copy())
            with pytest.raises(SystemExit):
                complete(line)
        done = capsysbinary.readouterr()
        assert done.err == b""
        lines = done.out.decode().splitlines()
        return [one.partition("\t")[0] for one in lines if one]

    return candidates


def test_what_may_come_next_is_offered(ask: Ask, data: str) -> None:
    assert ask("lakebed unfathom") == []
    assert "log" in ask("lakebed lo")
    assert ask("lakebed completion z") == ["zsh"]
    assert f"{data}/" in ask("lakebed ls repo")
    assert ask(f"lakebed repo show {data[:-1]}") != []
    assert ask(f"lakebed ls {data}/main/d") == [f"{data}/main/data/"]
    assert ask(f"lakebed ls s3://{data}/main/data/te") == [
        f"s3://{data}/main/data/tests/"
    ]
    assert ask(f"lakebed cat '{data}/main/two w") == [f"{data}/main/two words.txt"]
    assert ask("lakebed cp lake") == ["lakebed://"]
    assert ask(f"lakebed diff {data}/main fe") == ["feature"]
    assert ask(f"lakebed branch delete {data}/v") == []
    assert ask("lakebed log nowhere/x") == []


def test_what_produced_something_is_asked_of_runs_and_of_objects(
    ask: Ask,
    lakebed: Lakebed,
    data: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    run = lakebed("run", "--repo", data, "--", "true").err.split()[-1]

    assert ask(f"lakebed why {run[:20]}") == [run]
    assert ask(f"lakebed compare {run} {run[:20]}") == [run]
    assert ask(f"lakebed rerun {data}/main/no") == [f"{data}/main/notes.txt"]


def test_an_answer_that_does_not_come_offers_nothing(
    environment: dict[str, str],
) -> None:
    """Nor does it say anything where a shell would show it; so in a process."""
    for server in ("http://127.0.0.1:1", "/nowhere", "ftp://x"):
        done = subprocess.run(
            [BIN / "lakebed"],
            env={
                **os.environ,
                **environment,
                "LAKEBED_SERVER": server,
                "_LAKEBED_COMPLETE_LINE": "lakebed ls r",
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout.strip() + done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script_that_asks_us(lakebed: Lakebed, shell: str) -> None:
    script = lakebed("completion", shell).out

    assert "_LAKEBED_COMPLETE_LINE" in script
    program = shutil.which(shell)
    if program is not None:
        subprocess.run([program, "-n"], input=script, text=True, check=True)

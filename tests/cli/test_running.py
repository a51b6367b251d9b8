"""`lakebed run` as people start it: a process of its own, with a command below it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lakebed.client import connect
from lakebed.client.wire import Run

from support.commands import Lakebed
from support.running import (
    LAKEBED,
    PYTHON,
    python,
    run,
)

Put = Callable[[str, str], None]


def test_a_command_is_recorded_with_what_it_was_told_and_what_it_wrote(
    folder: Path,
    repository: str,
    look: Callable[[str], Run],
    read_log: Callable[[str], str],
) -> None:
    name, done = run(
        folder,
        "--repo",
        repository,
        "--name",
        "baseline",
        "--param",
        "lr=0.1",
        "--param",
        "deep=true",
        "--param",
        "kind=0x",
        "--seed",
        "7",
        *python(
            "import os, sys; print(os.environ['LAKEBED_SEED'], sys.stdin.read()); "
            "print('to stderr', file=sys.stderr)"
        ),
        input="from stdin",
    )

    assert done.stdout == "7 from stdin\n"
    assert done.stderr == f"to stderr\nrun {name}\n"
    found = look(name)
    assert (found.status, found.exit_code) == ("succeeded", 0)
    assert found.experiment == "baseline"
    assert found.params == {"lr": 0.1, "deep": True, "kind": "0x"}
    assert found.seeds["seed"] == 7
    assert found.code["argv"][:2] == [PYTHON, "-c"]
    assert found.environment["python"]
    assert sorted(read_log(name).splitlines()) == ["7 from stdin", "to stderr"]


@pytest.mark.parametrize(
    ("source", "code", "status", "said"),
    [
        ("raise SystemExit(3)", 3, "failed", ""),
        ("raise ValueError('no good')", 1, "failed", "ValueError: no good"),
        ("import os; os.kill(os.getpid(), 9)", 137, "failed", "SIGKILL"),
        ("import os; os.kill(os.getpid(), 2)", 130, "interrupted", ""),
    ],
)
def test_how_a_command_ended_is_how_the_run_ended(
    folder: Path,
    repository: str,
    look: Callable[[str], Run],
    read_log: Callable[[str], str],
    source: str,
    code: int,
    status: str,
    said: str,
) -> None:
    name, _ = run(folder, "--repo", repository, *python(source), code=code)

    found = look(name)
    assert (found.status, found.exit_code) == (status, code)
    assert said in read_log(name)


def test_what_is_no_command_is_said_in_one_line_and_recorded(
    folder: Path, repository: str, look: Callable[[str], Run]
) -> None:
    name, done = run(folder, "--repo", repository, "--", "no-such-thing", code=127)

    assert done.stderr == f"error: command not found: 'no-such-thing'\nrun {name}\n"
    assert look(name).status == "failed"


def test_nothing_runs_when_the_run_cannot_begin(
    folder: Path, repository: str, environment: dict[str, str]
) -> None:
    touch = python("open('ran', 'w')")
    missing = f"lakebed://{repository}/main/nothing.csv=in.csv"
    done = subprocess.run(
        [*LAKEBED, "run", "-i", missing, *touch],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    assert "nothing.csv" in done.stderr
    away = subprocess.run(
        [*LAKEBED, "run", "--repo", repository, *touch],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment, "LAKEBED_SERVER": "http://127.0.0.1:1"},
    )
    assert away.returncode == 5
    assert not (folder / "ran").exists()


def test_inputs_are_files_and_outputs_are_published_as_one_commit(
    folder: Path,
    repository: str,
    lakebed: Lakebed,
    put: Put,
    look: Callable[[str], Run],
) -> None:
    put(f"{repository}/main/raw/a.csv", "1")
    put(f"{repository}/main/raw/b/c.csv", "2")
    put(f"{repository}/main/one.csv", "3")
    lakebed("commit", f"{repository}/main", "-m", "Raw")

    name, _ = run(
        folder,
        "-i",
        f"lakebed://{repository}/main/raw/=data",
        "-i",
        f"lakebed://{repository}/main/one.csv=in/one.csv",
        "-o",
        f"out=lakebed://{repository}/main/made/",
        *python(
            "import pathlib as p; o = p.Path('out/x'); o.mkdir(parents=True); "
            "(o / 'sum.txt').write_text(''.join(sorted(f.read_text() for f in "
            "[*p.Path('data').rglob('*.csv'), p.Path('in/one.csv')])))"
        ),
    )

    shown = lakebed("cat", f"lakebed://{repository}/main/made/x/sum.txt")
    assert shown.data == b"123"
    log = lakebed("log", f"{repository}/main", "--json").json
    assert len(log) == 3
    found = look(name)
    assert {(each.path, each.how) for each in found.inputs} >= {
        ("raw/", "declared"),
        ("one.csv", "declared"),
    }
    assert [each.commit for each in found.outputs if each.path == "made/"] == [
        log[0]["id"]
    ]
    # Where data lies is no code that lay beside a commit.
    assert found.code.get("untracked") is None


def test_an_input_never_overwrites_another_file(
    folder: Path, repository: str, lakebed: Lakebed, put: Put
) -> None:
    put(f"{repository}/main/a.csv", "theirs")
    lakebed("commit", f"{repository}/main", "-m", "Add")
    wish = ("-i", f"lakebed://{repository}/main/a.csv=a.csv")
    (folder / "a.csv").write_text("ours!!")

    _, done = run(folder, *wish, *python("open('ran', 'w')"), code=1)

    assert "'a.csv' is there and differs" in done.stderr.replace(f"{folder}/", "")
    assert (folder / "a.csv").read_text() == "ours!!"
    assert not (folder / "ran").exists()

    (folder / "a.csv").write_text("theirs")
    run(folder, *wish, *python("open('ran', 'w')"))
    assert (folder / "ran").exists()


def test_a_failed_command_publishes_nothing(
    folder: Path, repository: str, lakebed: Lakebed, look: Callable[[str], Run]
) -> None:
    name, _ = run(
        folder,
        "-o",
        f"out.txt=lakebed://{repository}/main/out.txt",
        *python("open('out.txt', 'w').write('half'); raise SystemExit(4)"),
        code=4,
    )

    assert look(name).status == "failed"
    assert lakebed("ls", f"{repository}/main").data == b""
    assert len(lakebed("log", f"{repository}/main", "--json").json) == 1


def test_an_output_that_is_not_there_fails_the_run(
    folder: Path, repository: str, look: Callable[[str], Run]
) -> None:
    wish = f"out.txt=lakebed://{repository}/main/out.txt"
    name, done = run(folder, "-o", wish, *python("pass"), code=1)

    assert "output 'out.txt' is not there" in done.stderr
    assert look(name).status == "failed"


def test_a_script_logs_into_the_run_that_it_is_started_in(
    folder: Path, repository: str, look: Callable[[str], Run]
) -> None:
    (folder / "train.py").write_text(
        "import lakebed.client as lake\n"
        "with lake.run('ignored') as run:\n"
        "    run.log_params({'depth': 3})\n"
        "    for step in range(100):\n"
        "        run.log_metric('loss', 1 / (step + 1), step=step)\n"
        "    print(run.id)\n"
    )
    name, done = run(folder, "--repo", repository, "--", PYTHON, "train.py")

    assert done.stdout == f"{name}\n"
    found = look(name)
    assert found.params == {"depth": 3}
    assert [(each.name, each.count, each.last) for each in found.metrics] == [
        ("loss", 100, 0.01)
    ]
    assert found.parent is None


def test_what_a_script_logs_stands_between_what_it_prints(
    folder: Path, repository: str, read_log: Callable[[str], str]
) -> None:
    """And the end of its traceback is there once: a script prints that itself."""
    (folder / "train.py").write_text(
        "import os, sys, lakebed.client as lake\n"
        "print('printed first')\n"
        "with lake.run() as run:\n"
        "    for number in range(20):\n"
        "        run.log(f'logged {number}')\n"
        "        print('printed', number, file=(sys.stdout, sys.stderr)[number % 2])\n"
        "    if not os.fork():\n"
        "        run.log('logged by a fork')\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        "    raise ValueError('boom')\n"
    )
    name, _ = run(folder, "--repo", repository, "--", PYTHON, "train.py", code=1)

    lines = read_log(name).splitlines()
    assert lines[:42] == [
        "printed first",
        *(f"{what} {number}" for number in range(20) for what in ("logged", "printed")),
        "logged by a fork",
    ]
    assert lines[42].startswith("Traceback")
    assert lines[-1] == "ValueError: boom"
    assert lines.count("ValueError: boom") == 1


def test_a_script_need_not_begin_the_run_that_it_is_started_in(
    folder: Path, repository: str, look: Callable[[str], Run]
) -> None:
    (folder / "train.py").write_text(
        "import lakebed.client as lake\n"
        "lake.current_run().log_metric('loss', 0.5, step=1)\n"
        "lake.current_run().log_params({'depth': 3})\n"
    )
    name, _ = run(folder, "--repo", repository, "--", PYTHON, "train.py")

    found = look(name)
    assert (found.status, found.params) == ("succeeded", {"depth": 3})
    assert [each.last for each in found.metrics] == [0.5]


def test_a_run_in_a_run_is_its_child(
    folder: Path, repository: str, look: Callable[[str], Run]
) -> None:
    inner = [*LAKEBED, "run", "--repo", repository, "--", "true"]
    outer, done = run(folder, "--repo", repository, "--", *inner)

    child = done.stderr.splitlines()[0].removeprefix("run ")
    assert child != outer
    assert look(child).parent == outer


def test_the_environment_of_a_command_has_only_the_key_of_its_run(
    folder: Path, repository: str, environment: dict[str, str]
) -> None:
    source = "import json, os; print(json.dumps(dict(os.environ)))"
    user = {
        "AWS_SESSION_TOKEN": "of-the-user",
        "AWS_PROFILE": "of-the-user",
        "AWS_ACCESS_KEY_ID": "of-the-user",
        "LAKEBED_PROFILE": "default",
    }
    name, done = run(
        folder,
        "--repo",
        repository,
        *python(source),
        env={**os.environ, **environment, **user} | {"LAKEBED_PROFILE": ""},
    )

    seen = json.loads(done.stdout)
    assert seen["LAKEBED_RUN_ID"] == name
    assert seen["AWS_ENDPOINT_URL_S3"] == environment["LAKEBED_SERVER"]
    assert seen["AWS_ACCESS_KEY_ID"] == seen["LAKEBED_ACCESS_KEY_ID"]
    assert "of-the-user" not in done.stdout
    assert environment["LAKEBED_SECRET_ACCESS_KEY"] not in done.stdout


def test_the_log_shows_no_secret_of_the_environment(
    folder: Path, repository: str, read_log: Callable[[str], str]
) -> None:
    source = "import os; [print(name, value) for name, value in os.environ.items()]"
    name, done = run(
        folder,
        "--repo",
        repository,
        *python(source),
        env={**os.environ, "GITHUB_TOKEN": "canary-of-the-user"},
    )

    assert "canary-of-the-user" in done.stdout
    log = read_log(name)
    assert "GITHUB_TOKEN" in log
    assert "canary" not in log


def test_the_log_keeps_lines_as_they_were_in_the_end(
    folder: Path, repository: str, read_log: Callable[[str], str]
) -> None:
    source = (
        "import sys\n"
        "for n in range(1000): sys.stdout.write(f'\\r{n} of 1000')\n"
        "sys.stdout.buffer.write(b'\\n\\xff\\xc3\\xa9 no end')"
    )
    name, _ = run(folder, "--repo", repository, *python(source))

    assert read_log(name) == "999 of 1000\n\ufffdé no end"


def test_a_directory_serves_the_command_while_it_runs(folder: Path) -> None:
    lake = folder / "lake"
    with connect(lake, create_directory=True) as opened:
        main = opened.create_repository("penguins").branch("main")
        main.upload("a.txt", b"from the directory")
        main.commit("Add")
    cat = [*LAKEBED, "cat", "lakebed://penguins/main/a.txt"]
    environment = {**os.environ, "LAKEBED_SERVER": str(lake)}

    name, done = run(folder, "--repo", "penguins", "--", *cat, env=environment)

    assert done.stdout == "from the directory"
    with connect(lake) as opened:
        found = opened.client.get_run(name)
    assert found.status == "succeeded"
    assert [(each.path, each.how) for each in found.inputs] == [("a.txt", "observed")]

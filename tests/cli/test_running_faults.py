"""`lakebed run` where something dies or goes away: nothing that was recorded is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lakebed.client.retrying import RetryPolicy
from lakebed.client.wire import Run

from support.commands import Lakebed
from support.losing import Fault
from support.polling import until
from support.running import (
    LAKEBED,
    PYTHON,
    away_on_cue,
    id_of,
    python,
    run,
    started,
)
from support.s3server import ServerProcess

TRIES = RetryPolicy().attempts_max
"""Of one request."""


def test_what_a_killed_script_had_not_sent_is_in_the_record(
    folder: Path, repository: str, read_log: Callable[[str], str]
) -> None:
    """As it is when it dies between writing a batch down and sending it."""
    (folder / "train.py").write_text(
        "import os\n"
        "from lakebed.client.runs.spool import Spool, SpoolHead\n"
        "from lakebed.client.runs.variables import find_attached\n"
        "from lakebed.client.wire import RunBatch\n"
        "run = find_attached(os.environ['LAKEBED_SERVER'])\n"
        "head = SpoolHead(server=run.server, repository=run.repository, run=run.run,\n"
        "    access_key_id=run.access_key_id, writer='script', pid=0, started_ms=0,\n"
        "    secret_access_key=run.secret_access_key)\n"
        "batch = RunBatch(writer='script', sequence=1, log='from the script\\n')\n"
        "Spool.create(head).append(batch)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    name, _ = run(folder, "--repo", repository, "--", PYTHON, "train.py", code=137)

    assert "from the script\n" in read_log(name)


def test_what_a_killed_script_has_logged_is_in_the_record(
    folder: Path, repository: str, look: Callable[[str], Run]
) -> None:
    (folder / "train.py").write_text(
        "import os, signal, sys, lakebed.client as lake\n"
        "run = lake.run().start()\n"
        "for step in range(50): run.log_metric('loss', step)\n"
        "run.flush()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    name, _ = run(folder, "--repo", repository, "--", PYTHON, "train.py", code=137)

    found = look(name)
    assert found.status == "failed"
    assert [(each.name, each.count) for each in found.metrics] == [("loss", 50)]


def test_a_recorder_that_was_killed_left_what_it_had_for_a_later_one(
    folder: Path,
    repository: str,
    lakebed: Lakebed,
    look: Callable[[str], Run],
    read_log: Callable[[str], str],
) -> None:
    source = (
        "import os, signal\n"
        "print('ready', flush=True)\n"
        "print(os.environ['LAKEBED_RUN_ID'], flush=True)\n"
        "signal.pause()\n"
    )
    with started(folder, repository, source) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        until(lambda: "ready" in read_log(name))
        process.kill()
        process.wait(60)

    assert look(name).status == "running"
    sent = lakebed("runs", "sync").out
    assert sent == "nothing waits\n" or name in sent
    lakebed("run", "--repo", repository, "--", "true")


def test_a_server_that_goes_away_stops_no_command(
    folder: Path, repository: str, server: ServerProcess, look: Callable[[str], Run]
) -> None:
    source = (
        "import sys\nprint('ready', flush=True)\n"
        "for line in sys.stdin: print('got', line, flush=True)\n"
    )
    with (
        away_on_cue(server.url) as proxy,
        started(
            folder,
            repository,
            source,
            stdin=subprocess.PIPE,
            env={**os.environ, "LAKEBED_SERVER": proxy.url},
        ) as process,
    ):
        proxy.decide = lambda number, line: "request"
        assert process.stdin is not None
        process.stdin.write("a line\n")
        process.stdin.flush()
        # A try is several requests.
        until(lambda: proxy.faults > 10)
        proxy.decide = lambda number, line: None
        process.stdin.close()
        process.stdin = None
        _, err = process.communicate(timeout=60)

    assert process.returncode == 0
    assert "what is logged waits in" in err
    assert look(id_of(err)).status == "succeeded"


def test_what_a_server_that_stays_away_did_not_get_is_sent_later(
    folder: Path,
    repository: str,
    server: ServerProcess,
    lakebed: Lakebed,
    look: Callable[[str], Run],
    read_log: Callable[[str], str],
) -> None:
    source = (
        "import sys\nprint('ready', flush=True)\n"
        "print('got', sys.stdin.read(), flush=True)\n"
    )
    with (
        away_on_cue(server.url) as proxy,
        started(
            folder,
            repository,
            source,
            stdin=subprocess.PIPE,
            env={
                **os.environ,
                "LAKEBED_SERVER": proxy.url,
                "LAKEBED_RUN_FINISH_S": "0.5",
            },
        ) as process,
    ):
        proxy.decide = lambda number, line: "request"
        _, err = process.communicate("all of it", timeout=120)
        name = id_of(err)
        assert process.returncode == 0
        assert "'lakebed runs sync'" in err
        assert look(name).status == "running"

        proxy.decide = lambda number, line: None
        assert lakebed("runs", "sync").out.startswith(f"run {name}: ")

    assert look(name).status == "succeeded"
    assert read_log(name) == "ready\ngot all of it\n"
    assert lakebed("runs", "sync").out == "nothing waits\n"


@pytest.mark.parametrize("end", ["/runs", "/end"])
def test_an_answer_that_is_lost_begins_and_ends_nothing_twice(
    folder: Path,
    repository: str,
    server: ServerProcess,
    lakebed: Lakebed,
    look: Callable[[str], Run],
    end: str,
) -> None:
    with away_on_cue(server.url) as proxy:
        lost: list[str] = []

        def lose_the_first(number: int, line: str) -> Fault | None:
            if lost or not line.startswith("POST ") or not line.endswith(end):
                return None
            lost.append(line)
            return "answer"

        proxy.decide = lose_the_first
        (folder / "out.txt").write_text("made")
        name, done = run(
            folder,
            "-o",
            f"out.txt=lakebed://{repository}/main/out.txt",
            "--",
            "true",
            env={**os.environ, "LAKEBED_SERVER": proxy.url},
        )

    assert lost
    assert done.stderr == f"run {name}\n"
    assert look(name).status == "succeeded"
    listed = lakebed("runs", "list", "--repo", repository).out.splitlines()
    assert [line.split("\t")[0] for line in listed] == [name]
    assert len(lakebed("log", f"{repository}/main", "--json").json) == 2


def test_outputs_that_cannot_be_published_are_kept_for_a_merge_by_hand(
    folder: Path, repository: str, lakebed: Lakebed, look: Callable[[str], Run]
) -> None:
    other = [*LAKEBED, "cp", "other.txt", f"lakebed://{repository}/main/out.txt"]
    commit = [*LAKEBED, "commit", f"{repository}/main", "-m", "Meanwhile"]
    (folder / "other.txt").write_text("other")
    (folder / "out.txt").write_text("ours")
    ours = {name: value for name, value in os.environ.items() if "LAKEBED" in name}
    source = (
        "import os, subprocess\n"
        "[os.environ.pop(name) for name in list(os.environ) if 'LAKEBED' in name]\n"
        f"os.environ |= {ours!r}\n"
        f"subprocess.run({other!r}, check=True)\n"
        f"subprocess.run({commit!r}, check=True)\n"
    )
    name, done = run(
        folder,
        "-o",
        f"out.txt=lakebed://{repository}/main/out.txt",
        *python(source),
        code=4,
    )

    found = look(name)
    assert found.status == "failed"
    (left,) = found.work_branches
    reason = (
        f"branch 'main' of '{repository}' changed meanwhile at 'out.txt', where the run "
        f"wrote too: merge '{repository}/{left.work_branch}' into '{repository}/main' by "
        "hand"
    )
    assert done.stderr.splitlines()[-2:] == [
        f"error: outputs of run '{name}' are not published: {reason}",
        f"run {name}",
    ]
    why = lakebed("why", name).out.splitlines()
    assert f"grade\tC: not published: {reason}" in why
    assert sum(reason in line for line in why) == 1
    shown = lakebed("cat", f"lakebed://{repository}/{left.work_branch}/out.txt")
    assert shown.out == "ours"
    assert lakebed("cat", f"lakebed://{repository}/main/out.txt").out == "other"


def test_the_exit_code_is_the_command_s_though_its_output_is_not_there(
    folder: Path, repository: str, look: Callable[[str], Run], lakebed: Lakebed
) -> None:
    output = f"nothere.txt=lakebed://{repository}/main/out.txt"
    name, _ = run(folder, "-o", output, "--", "true", code=1)

    found = look(name)
    assert (found.status, found.exit_code) == ("failed", 0)
    assert [gap.reason for gap in found.missing if gap.what == "outputs"] == [
        "not published: output 'nothere.txt' is not there"
    ]
    assert "failed, exit code 0" in lakebed("why", name).out


def test_the_exit_code_is_the_command_s_though_the_output_branch_was_deleted(
    folder: Path, repository: str, look: Callable[[str], Run], lakebed: Lakebed
) -> None:
    lakebed("branch", "create", f"{repository}/gone", "main")
    (folder / "out.txt").write_text("ours")
    ours = {name: value for name, value in os.environ.items() if "LAKEBED" in name}
    delete = [*LAKEBED, "branch", "delete", f"{repository}/gone", "--yes"]
    source = (
        "import os, subprocess\n"
        "[os.environ.pop(name) for name in list(os.environ) if 'LAKEBED' in name]\n"
        f"os.environ |= {ours!r}\n"
        f"subprocess.run({delete!r}, check=True)\n"
    )
    output = f"out.txt=lakebed://{repository}/gone/out.txt"
    name, _ = run(folder, "-o", output, *python(source), code=3)

    found = look(name)
    assert (found.status, found.exit_code) == ("failed", 0)
    assert any("'gone'" in gap.reason for gap in found.missing)


def test_a_command_that_never_started_has_no_exit_code(
    folder: Path, repository: str, look: Callable[[str], Run], lakebed: Lakebed
) -> None:
    (folder / "here.txt").write_text("another")
    (folder / "in.txt").write_text("there")
    lakebed("cp", str(folder / "in.txt"), f"lakebed://{repository}/main/in.txt")
    lakebed("commit", f"{repository}/main", "-m", "In")
    wanted = f"lakebed://{repository}/main/in.txt=here.txt"
    name, _ = run(folder, "-i", wanted, "--", "true", code=None)

    assert (look(name).status, look(name).exit_code) == ("failed", None)


def test_outputs_that_a_server_that_is_away_did_not_get_stay_where_they_are(
    folder: Path,
    repository: str,
    server: ServerProcess,
    lakebed: Lakebed,
    look: Callable[[str], Run],
) -> None:
    source = (
        "import sys\nprint('ready', flush=True)\nsys.stdin.read()\n"
        "open('out.txt', 'w').write('made')\n"
    )
    output = f"out.txt=lakebed://{repository}/main/out.txt"
    env = {**os.environ, "LAKEBED_RUN_FINISH_S": "0.1"}
    with (
        away_on_cue(server.url) as proxy,
        started(
            folder,
            repository,
            source,
            *("-o", output),
            stdin=subprocess.PIPE,
            env={**env, "LAKEBED_SERVER": proxy.url},
        ) as process,
    ):
        proxy.decide = lambda number, line: "request"
        _, err = process.communicate("", timeout=120)
        name = id_of(err)
        proxy.decide = lambda number, line: None
        lakebed("runs", "sync")

    assert process.returncode != 0
    assert "the local files are intact: upload 'out.txt' with 'lakebed cp -r'" in err
    assert "'lakebed runs sync' tells it what waits, and publishes nothing" in err
    assert (folder / "out.txt").read_text() == "made"
    found = look(name)
    assert (found.status, found.exit_code) == ("failed", 0)
    assert any(gap.reason.startswith("not published: ") for gap in found.missing)


def test_a_server_that_comes_back_in_time_gets_the_outputs(
    folder: Path, repository: str, server: ServerProcess, look: Callable[[str], Run]
) -> None:
    source = (
        "import sys\nprint('ready', flush=True)\nsys.stdin.read()\n"
        "open('out.txt', 'w').write('made')\n"
    )
    with (
        away_on_cue(server.url) as proxy,
        started(
            folder,
            repository,
            source,
            *("-o", f"out.txt=lakebed://{repository}/main/out.txt"),
            stdin=subprocess.PIPE,
            env={**os.environ, "LAKEBED_SERVER": proxy.url},
        ) as process,
    ):
        lost = 0

        def lose_many(number: int, line: str) -> Fault | None:
            nonlocal lost
            lost += "/objects" in line
            return "request" if "/objects" in line and lost <= TRIES + 1 else None

        proxy.decide = lose_many
        _, err = process.communicate("", timeout=120)

    assert process.returncode == 0, err
    assert lost > TRIES
    assert look(id_of(err)).status == "succeeded"


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("open('in/a.txt', 'a').write('more')", True),
        ("import os; os.remove('in/a.txt')", True),
        ("import os; os.utime('in/a.txt', (1, 1))", False),
        ("print(open('in/a.txt').read())", False),
    ],
)
def test_an_input_that_the_command_alters_is_named(
    folder: Path,
    repository: str,
    look: Callable[[str], Run],
    lakebed: Lakebed,
    source: str,
    changed: bool,
) -> None:
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name)
        there = f"lakebed://{repository}/main/in/{name}"
        lakebed("cp", str(folder / name), there)
    lakebed("commit", f"{repository}/main", "-m", "In")
    wanted = f"lakebed://{repository}/main/in/=in"
    name, _ = run(folder, "-i", wanted, *python(source))

    told = [gap.reason for gap in look(name).missing if gap.what == "inputs.changed"]
    assert told == ["'in/a.txt' was changed while the run used it"] * changed

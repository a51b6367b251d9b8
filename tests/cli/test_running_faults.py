"""`lakebed run` where something dies or goes away: nothing that was recorded is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from lakebed.client.wire import Run

from support.commands import Lakebed
from support.polling import until
from support.running import (
    PYTHON,
    away_on_cue,
    id_of,
    run,
    started,
)
from support.s3server import ServerProcess


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

"""`lakebed run` on a terminal, and the signals that come to it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from lakebed.client.wire import Run

from support.running import (
    LAKEBED,
    PYTHON,
    Terminal,
    id_of,
    python,
    started,
    terminal,
)


def test_a_terminal_stays_a_terminal(
    folder: Path, repository: str, read_log: Callable[[str], str]
) -> None:
    source = (
        "import os, signal, sys\n"
        "print([os.isatty(fd) for fd in (0, 1, 2)], *os.get_terminal_size(1))\n"
        "signal.signal(signal.SIGWINCH, lambda *_: None)\n"
        "print('name?')\n"
        "print('hello', input())\n"
        "while os.get_terminal_size(1).columns != 80:\n"
        "    signal.sigtimedwait([signal.SIGUSR1], 0.05)\n"
        "print(*os.get_terminal_size(1), file=sys.stderr)\n"
    )
    with terminal(folder, repository, source) as shown:
        shown.read_until(b"[True, True, True] 100 40\r\n")
        shown.read_until(b"name?\r\n")
        shown.resize(24, 80)
        shown.send(b"ann\n")
        assert shown.read_until(b"hello ann\r\n") == b"ann\r\n"
        shown.read_until(b"80 24\r\n")
        assert shown.wait() == 0

        assert read_log(shown.run).endswith("hello ann\n80 24\n")


def test_ctrl_c_goes_to_the_command_once_and_the_run_is_interrupted(
    folder: Path, repository: str, look: Callable[[str], Run]
) -> None:
    source = (
        "import signal, sys\n"
        "seen = []\n"
        "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready', flush=True)\n"
        "for press in range(5):\n"
        "    while len(seen) <= press: signal.sigtimedwait([signal.SIGUSR1], 0.05)\n"
        "    print(f'press {press}', flush=True)\n"
        "signal.sigtimedwait([signal.SIGUSR1], 1)\n"
        "sys.exit(40 + len(seen))\n"
    )
    with terminal(folder, repository, source) as shown:
        shown.read_until(b"ready\r\n")
        for press in range(5):
            shown.send(b"\x03")
            shown.read_until(b"press %d\r\n" % press)
        assert shown.wait() == 45

        found = look(shown.run)
        assert (found.status, found.exit_code) == ("interrupted", 45)


def test_a_pipe_is_told_nothing_of_the_terminal_beside(
    folder: Path, repository: str
) -> None:
    """`lakebed run -- COMMAND | less`: standard output is a pipe, the rest a terminal."""
    source = (
        "import os, sys; print([os.isatty(fd) for fd in (0, 1, 2)], file=sys.stderr)"
    )
    inner = [*LAKEBED, "run", "--repo", repository, *python(source)]
    piped = (
        "import subprocess, sys; subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)"
    )
    shown = Terminal(folder, PYTHON, "-c", piped, *inner)
    try:
        shown.read_until(b"[True, False, True]")
        assert shown.wait() == 0
    finally:
        shown.process.kill()
        shown.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_that_comes_to_us_goes_to_the_command(
    folder: Path, repository: str, look: Callable[[str], Run], number: int
) -> None:
    source = (
        "import signal, sys\n"
        f"signal.signal({int(number)}, lambda *_: sys.exit(5))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    with started(folder, repository, source) as process:
        process.send_signal(number)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 5
    found = look(id_of(err))
    assert (found.status, found.exit_code) == ("interrupted", 5)


@pytest.mark.parametrize("is_kept", [False, True])
def test_a_command_that_is_stopped_and_ends_well_publishes_only_if_that_is_wanted(
    folder: Path, repository: str, look: Callable[[str], Run], is_kept: bool
) -> None:
    source = (
        "import signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\n"
        "open('half.txt', 'w').write('half')\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    options = ["-o", f"half.txt=lakebed://{repository}/main/half.txt"]
    options += ["--keep-on-interrupt"] if is_kept else []
    with started(folder, repository, source, *options) as process:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)

    found = look(id_of(err))
    told = (
        "interrupted: nothing is published, though the command exited with 0; "
        "'lakebed run --keep-on-interrupt' publishes then\n"
    )
    if is_kept:
        assert (process.returncode, found.status) == (0, "succeeded")
        assert [each.path for each in found.outputs] == ["half.txt"]
        assert "interrupted" not in err
    else:
        assert (process.returncode, found.status) == (130, "interrupted")
        assert not found.outputs
        assert told in err
    assert found.exit_code == 0


def test_who_leaves_our_output_leaves_that_of_the_command(
    folder: Path, repository: str
) -> None:
    source = (
        "import sys\nprint('ready', flush=True)\n"
        "while True: print('more' * 1000, flush=True)\n"
    )
    with started(folder, repository, source) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        err = process.stderr.read()
        process.wait(60)

    assert process.returncode != 0
    assert "BrokenPipeError" in err
    id_of(err)

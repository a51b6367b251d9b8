"""The terminal session of the README: run for real, and written there.

    PYTHONPATH=tests .venv/bin/python -m support.readme_session     # writes it anew

The commands are those of the README's `console` block; a directory is the server. Ids
and times differ from run to run, so that sessions are compared by their `shape`.
"""

from __future__ import annotations

import getpass
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "README.md"
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SIDE_BY_SIDE = re.compile(
    r"^(?:\* \||\| \*) <commit>.*\n(?:\* \||\| \*) .*", re.MULTILINE
)
COLUMNS, LINES = 80, 24


def read_session() -> str:
    """Return the session that the README shows."""
    match = _BLOCK.search(PAGE.read_text())
    assert match is not None, "the README has no console block"
    return match[1]


def commands_of(session: str) -> list[str]:
    """Return the commands that a session shows, without their prompts."""
    return [line[2:] for line in session.splitlines() if line.startswith("$ ")]


def shape(session: str) -> str:
    """Return a session without what differs from run to run: ids, days, and with the
    ids the order of commits that were made side by side."""
    session = re.sub(r"\b[0-9a-f]{12}\b", "<commit>", session)
    session = re.sub(r"\b\d{4}-\d\d-\d\d\b", "<date>", session)
    return _SIDE_BY_SIDE.sub(
        lambda two: "\n".join(sorted(line[4:] for line in two[0].splitlines())), session
    )


def run_session(commands: list[str]) -> str:
    """Run `commands` one after the other on a terminal; return what it shows."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(ROOT / "cli" / "data" / "penguins.csv", folder)
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": folder,
            "LAKEBED_SERVER": "./lake",
            "TERM": "dumb",
            "NO_COLOR": "1",
            "COLUMNS": str(COLUMNS),
            "LINES": str(LINES),
            "LANG": "C.UTF-8",
        }
        shown = "".join(
            f"$ {command}\n{run_on_terminal(command, folder, environment)}"
            for command in commands
        )
    # Whoever runs it owns the directory; names fill the column of "author".
    return shown.replace(f"  {getpass.getuser():<6}  ", f"  {'ann':<6}  ")


def run_on_terminal(command: str, folder: str, environment: dict[str, str]) -> str:
    """Run `command` in `folder`, on a terminal; return what it shows."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        ["/bin/sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        cwd=folder,
        env=environment,
    )
    os.close(follower)
    shown = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other side is closed, and all was read
            break
        if not piece:
            break
        shown += piece
    os.close(leader)
    process.wait(60)
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    return "".join(f"{line.rstrip()}\n" for line in lines)


def main() -> None:
    """Write the session anew."""
    session = run_session(commands_of(read_session()))
    text = _BLOCK.sub(lambda _: f"```console\n{session}```", PAGE.read_text(), count=1)
    PAGE.write_text(text)


if __name__ == "__main__":
    main()

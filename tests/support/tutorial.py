"""The tutorial, run for real from top to bottom, and what it shows written there.

    PYTHONPATH=tests .venv-clients/bin/python -m support.tutorial     # writes it anew

A block `python NAME` is a file; each line of a `console` block that begins with `$` is
run on a terminal, and what follows is what it shows. Ids, times and what a machine is
like differ from run to run, so that what is shown is compared by its `shape`.
"""

from __future__ import annotations

import getpass
import os
import platform
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from support.readme_session import COLUMNS, LINES, run_on_terminal

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial-models.md"
_BLOCK = re.compile(r"^```(python \S+|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_VARYING = (
    (re.compile(r"\b[0-9a-f]{7,64}\b"), "<id>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?\b"), "<time>"),
    (re.compile(r"\b\d+(\.\d+)? k?B\b"), "<size>"),
    (re.compile(r"lakebed-rerun-\w+"), "<folder>"),
    (re.compile(r"(?<!\w)-?\d+\.\d+(e-\d+)?"), "<number>"),
    # What only this machine and this environment have.
    (re.compile(r"^(environ|run)( +).*\n(?: {9}.*\n)*", re.MULTILINE), r"\1 <here>\n"),
    (re.compile(r" +$", re.MULTILINE), ""),
)


def blocks() -> Iterator[tuple[str, str]]:
    """Yield kind and text of each block that is a file or a session."""
    for match in _BLOCK.finditer(PAGE.read_text()):
        yield match[1], match[2]


def run_tutorial(folder: Path) -> list[str]:
    """Run the page in `folder`; return its sessions with what they show now."""
    project = folder / "tumours"
    project.mkdir()
    programs = make_environment(folder / "env")
    environment = {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LAKEBED_SERVER": "../lake",
        "GIT_AUTHOR_NAME": "ann",
        "GIT_AUTHOR_EMAIL": "ann@localhost",
        "GIT_COMMITTER_NAME": "ann",
        "GIT_COMMITTER_EMAIL": "ann@localhost",
        "TERM": "dumb",
        "NO_COLOR": "1",
        "COLUMNS": str(COLUMNS),
        "LINES": str(LINES),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
    sessions: list[str] = []
    for kind, text in blocks():
        if kind.startswith("python "):
            (project / kind.removeprefix("python ")).write_text(text)
            continue
        commands = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
        shown = [
            f"$ {command}\n{run_on_terminal(command, str(project), environment)}"
            for command in commands
        ]
        session = "".join(shown).replace(str(folder), "/home/ann")
        session = session.replace(f" on {platform.node()}", " on laptop")
        # Whoever runs it owns the directory.
        sessions.append(re.sub(rf"\b{re.escape(getpass.getuser())}\b", "ann", session))
    return sessions


def make_environment(folder: Path) -> Path:
    """Make an environment in which lakebed is installed as it is from an index.

    In that of the tests it is a checkout, whose code no record has. All else is taken
    from there. Returns the folder of its programs.
    """
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (site,) = (folder / "lib").glob("python*/site-packages")
    build = ("-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheels"))
    subprocess.run([sys.executable, *build], check=True, cwd=ROOT, capture_output=True)
    (wheel,) = (folder / "wheels").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (site / "others.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    program = folder / "bin" / "lakebed"
    program.write_text(
        f"#!{folder}/bin/python\nfrom lakebed.cli.__main__ import main\nmain()\n"
    )
    program.chmod(0o755)
    return program.parent


def shape(session: str) -> str:
    """Return a session without what differs from run to run."""
    for pattern, word in _VARYING:
        session = pattern.sub(word, session)
    # Columns are as wide as what is in them, and lines are folded where they are full.
    return re.sub(r" {2,}", " ", re.sub(r"\n {2,}", " ", session))


def main() -> None:
    """Write what the page shows anew."""
    with tempfile.TemporaryDirectory() as folder:
        sessions = iter(run_tutorial(Path(folder)))

    def replace(match: re.Match[str]) -> str:
        return f"```console\n{next(sessions)}```" if match[1] == "console" else match[0]

    PAGE.write_text(_BLOCK.sub(replace, PAGE.read_text()))


if __name__ == "__main__":
    main()

"""Write `client/blocking/handles/` from `client/handles/`: the same, without `await`.

`python3 tasks.py blocking` runs it; a test compares what it would write with what is there.
Words are replaced, and nothing else, so that a line can be found on both sides.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SOURCE = ROOT / "client" / "handles"
TARGET = ROOT / "client" / "blocking" / "handles"

BY_HAND = {"__init__.py", "listing.py", "opening.py", "uploads.py"}
"""Where the two differ in more than words."""

MARK = "# Made from client/handles/{name} by `python3 tasks.py blocking`: change that one.\n"

WORDS = (
    (r"from \.\.async_client import AsyncClient", "from ..client import Client"),
    # Elsewhere the way up is one folder longer.
    (r"from \.\. import", "from ... import"),
    (r"from \.\.(?!client import)(\w)", r"from ...\1"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAsync(?=[A-Z])", ""),
    (r"\basync def\b", "def"),
    (r"\basync with\b", "with"),
    (r"\basync for\b", "for"),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit|iter)__\b", r"__\1__"),
    (r"\b(connect|revive)_async", r"\1"),
)


def make_blocking(text: str, name: str) -> str:
    """Return the blocking twin of the module `name` with the source `text`."""
    for pattern, word in WORDS:
        text = re.sub(pattern, word, text)
    return _format(MARK.format(name=name) + text)


def twins() -> dict[Path, str]:
    """Return what each file that is made should hold."""
    return {
        TARGET / path.name: make_blocking(path.read_text(), path.name)
        for path in sorted(SOURCE.glob("*.py"))
        if path.name not in BY_HAND
    }


def _format(text: str) -> str:
    ruff = [sys.executable, "-m", "ruff"]
    for words in (["check", "--fix-only", "--select", "I", "-q"], ["format", "-q"]):
        done = subprocess.run(
            [*ruff, *words, "--stdin-filename", str(TARGET / "made.py"), "-"],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        text = done.stdout
    return text


def main() -> None:
    """Write the files."""
    for path, text in twins().items():
        path.write_text(text)


if __name__ == "__main__":
    main()

"""Which files of the code changed between two commits, asked of clones that are here."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from .comparison import ChangeKind, FileChange

GIT_TIMEOUT_S = 30.0
"""For one call: a diff of the largest repositories takes seconds."""

_KINDS: dict[str, ChangeKind] = {"A": "added", "D": "removed"}


def find_changed_files(
    clones: Sequence[Path], left: str, right: str
) -> list[FileChange] | None:
    """Return the files that differ between two commits of the first clone with both.

    None: no clone has both, or there is no Git here.
    """
    for clone in clones:
        if not clone.is_dir():
            continue
        # One of a repository that was fetched partly must not begin to fetch the rest.
        listed = _git(clone, "diff", "--no-renames", "--name-status", "-z", left, right)
        if listed is not None:
            return _parse(listed)
    return None


def _git(clone: Path, *words: str) -> bytes | None:
    """Return what git printed in `clone`; None if it failed."""
    command = ["git", "--no-lazy-fetch", "--no-optional-locks", *words]
    for call in (command, ["git", "--no-optional-locks", *words]):
        try:
            done = subprocess.run(  # noqa: S603 - ids of commits, no shell
                call,
                cwd=clone,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=GIT_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode == 0:
            return done.stdout
        if b"unknown option" not in done.stderr:
            return None
    return None


def _parse(listed: bytes) -> list[FileChange]:
    words = listed.decode(errors="surrogateescape").split("\0")
    pairs = zip(words[0::2], words[1::2], strict=False)
    return [
        FileChange(
            path=path.encode(errors="surrogateescape").decode(errors="replace"),
            kind=_KINDS.get(letter[:1], "changed"),
        )
        for letter, path in pairs
    ]

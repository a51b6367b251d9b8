"""Which files of the code changed between two commits, asked of clones that are here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..git import GitError, run_git
from .comparison import ChangeKind, FileChange

_OPTIONS = ("--no-ext-diff", "--no-textconv", "--no-renames", "--name-status", "-z")
_QUIET = {"GIT_NO_LAZY_FETCH": "1"}
"""A repository that was fetched partly does not begin to fetch the rest."""

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
        try:
            return _parse(
                run_git(clone, "diff", *_OPTIONS, left, right, variables=_QUIET)
            )
        except GitError:
            continue
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

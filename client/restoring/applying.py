"""Checks out a commit with the recorded changes, and makes sure that they are those."""

from __future__ import annotations

import re
from pathlib import Path

from ..capture.changes import DIFF_OPTIONS, EMPTY_TREES
from ..git import GitError, run_git
from ..wire import Code
from .errors import RestoreError

_IDENTITIES = re.compile(
    rb"(?m)^(?:diff --git |index [0-9a-f]{40,64}\.\.|old mode |new mode |new file mode "
    rb"|deleted file mode )[^\n]*$"
)
"""The lines of a diff that name files, modes and Git's hashes of contents."""


def check_out(root: Path, code: Code, diff: bytes | None) -> None:
    """Fill the work tree at `root` with the commit and the changes of `code`.

    The changes are applied to the index, where nothing of this machine (line ends,
    filters) stands between, and compared by the hashes of the contents.

    Raises:
        RestoreError: the commit or the changes are not what was recorded.
    """
    base = code.commit or _empty_tree(root)
    if code.commit is not None:
        _check_tree(root, code)
        _set_head(root, code)
        run_git(root, "read-tree", code.commit)
    if diff is not None:
        _apply(root, diff)
        _check_diff(root, base, diff)
    try:
        run_git(root, "checkout-index", "-a", "-f", "-q", "-u")
    except GitError as error:
        raise RestoreError(
            f"cannot check out the code into '{root}': {error}"
        ) from error


def _empty_tree(root: Path) -> str:
    kind = run_git(root, "rev-parse", "--show-object-format").strip()
    return EMPTY_TREES[64 if kind == b"sha256" else 40]


def _check_tree(root: Path, code: Code) -> None:
    tree = run_git(root, "rev-parse", f"{code.commit}^{{tree}}").decode().strip()
    if code.tree is not None and tree != code.tree:
        raise RestoreError(
            f"the tree of commit {str(code.commit)[:12]} is {tree[:12]}, and "
            f"{code.tree[:12]} was recorded: the record or the repository is damaged"
        )


def _set_head(root: Path, code: Code) -> None:
    """Let the repository stand where the run's did, so that a record of it says the same."""
    assert code.commit is not None
    if code.branch is not None:
        run_git(root, "symbolic-ref", "HEAD", f"refs/heads/{code.branch}")
    run_git(root, "update-ref", "HEAD", str(code.commit))
    if code.remote is not None:
        run_git(root, "config", "remote.origin.url", code.remote)
        run_git(
            root, "config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"
        )
        if code.is_pushed:
            run_git(
                root, "update-ref", "refs/remotes/origin/recorded", str(code.commit)
            )


def _apply(root: Path, diff: bytes) -> None:
    if not diff:
        return
    try:
        run_git(
            root,
            *("apply", "--cached", "--binary", "--whitespace=nowarn", "-p1", "-"),
            input_=diff,
        )
    except GitError as error:
        raise RestoreError(
            f"the recorded diff does not apply to the recorded commit: {error}; the "
            "record is damaged"
        ) from error


def _check_diff(root: Path, base: str, diff: bytes) -> None:
    again = run_git(root, "diff", "--cached", *DIFF_OPTIONS, base)
    if set(_IDENTITIES.findall(diff)) != set(_IDENTITIES.findall(again)):
        raise RestoreError(
            "the recorded diff applies, and gives other contents than were recorded: the "
            "record is damaged"
        )

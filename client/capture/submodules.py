"""Git submodules, and repositories that lie in a work tree without being one of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..git import GitError, run_git
from ..wire import Missing, Submodule
from .beside import shown
from .captured import Captured, Limits
from .parallel import begin
from .work_tree import NO_LFS, WorkTree, read_remote, read_submodules

_DEPTH_MAX = 5
"""Of submodules within submodules."""


@dataclass(frozen=True, slots=True)
class _Checkout:
    path: bytes
    commit: str
    remote: str | None
    is_dirty: bool
    is_pushed: bool


def capture_submodules(
    tree: WorkTree, limits: Limits
) -> Captured[tuple[Submodule, ...]]:
    """Return the submodules of `tree` that are checked out, and repositories nested in it."""
    missing: list[Missing] = []
    # Another repository, which git takes for one untracked folder.
    nested = [path.rstrip(b"/") for path in tree.untracked if path.endswith(b"/")]
    paths = [each.path for each in tree.submodules] + nested
    if len(paths) > limits.submodules_max:
        text = f"of {len(paths)} submodules only {limits.submodules_max} are recorded"
        missing.append(Missing(what="code.submodules", reason=text))
    calls = [
        begin(partial(_read, tree.root, path, 0, limits))
        for path in paths[: limits.submodules_max]
    ]
    found: list[Submodule] = []
    for path, call in zip(paths, calls, strict=False):
        try:
            checkouts = call.result()
        except GitError as error:
            text = f"'{shown(path)}' cannot be recorded: {error}"
            missing.append(Missing(what="code.submodules", reason=text))
            continue
        for each in checkouts:
            found.append(_row(each))
            missing += _gaps(each)
    return Captured(tuple(found), (), tuple(missing))


def _row(each: _Checkout) -> Submodule:
    return Submodule(
        path=shown(each.path),
        commit=each.commit,
        remote=each.remote,
        is_dirty=each.is_dirty,
    )


def _gaps(each: _Checkout) -> list[Missing]:
    path = shown(each.path)
    reasons: list[str] = []
    if each.remote is None:
        reasons.append(f"'{path}' has no remote that it could be fetched from")
    elif not each.is_pushed:
        reasons.append(f"the commit of '{path}' is on no remote: push it")
    return [Missing(what="code.submodules", reason=reason) for reason in reasons]


def _read(root: Path, path: bytes, depth: int, limits: Limits) -> list[_Checkout]:
    """Return the repository at `path` and its own submodules; none if it is not there."""
    folder = Path(os.fsdecode(os.fsencode(root) + b"/" + path))
    if not (folder / ".git").exists():
        return []
    timeout_s = limits.git_timeout_s
    status = begin(
        lambda: run_git(
            folder,
            *("status", "--porcelain=v2", "-z", "--branch", "--ignore-submodules=all"),
            options=NO_LFS,
            timeout_s=timeout_s,
        )
    )
    remote = begin(lambda: read_remote(folder, timeout_s=timeout_s))
    pushed = begin(
        lambda: run_git(
            folder, "rev-list", "-1", "HEAD", "--not", "--remotes", timeout_s=timeout_s
        )
    )
    inner = read_submodules(folder, timeout_s=timeout_s) if depth < _DEPTH_MAX else ()
    lines = status.result().split(b"\0")
    commit = lines[0].removeprefix(b"# branch.oid ").decode()
    if commit == "(initial)":
        raise GitError("it has no commit yet")
    is_dirty = any(line and not line.startswith(b"# ") for line in lines)
    checkout = _Checkout(
        path, commit, remote.result(), is_dirty, not pushed.result().strip()
    )
    found = [checkout]
    for each in inner:
        for below in _read(folder, each.path, depth + 1, limits):
            nested = path + b"/" + below.path
            found.append(
                _Checkout(
                    nested, below.commit, below.remote, below.is_dirty, below.is_pushed
                )
            )
    return found

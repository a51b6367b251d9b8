"""What git tells of a work tree, asked in parallel and without touching it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..git import GitError, run_git
from .parallel import begin
from .secrets import mask_url

NO_LFS = (
    *("-c", "filter.lfs.process=", "-c", "filter.lfs.clean="),
    *("-c", "filter.lfs.smudge=", "-c", "filter.lfs.required=false"),
)
"""Git LFS would write into Git's folder, and hide what changed behind a pointer."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """A file of the index that git may not look at, or a submodule."""

    path: bytes
    mode: bytes
    object_id: str
    is_submodule: bool


@dataclass(frozen=True, slots=True)
class WorkTree:
    """The state of a work tree. Paths are bytes, relative to its root."""

    root: Path
    commit: str | None
    branch: str | None
    tree: str | None
    remote: str | None
    is_pushed: bool | None
    is_sparse: bool
    changed: tuple[bytes, ...]
    """Tracked files that are not as in the commit."""
    untracked: tuple[bytes, ...]
    """With a slash at the end: another repository."""
    hidden: tuple[IndexEntry, ...]
    """Tracked files that git was told not to look at, and that are there."""
    submodules: tuple[IndexEntry, ...]
    problems: tuple[str, ...] = field(default=())
    """What could not be asked, a sentence each."""


def find_root(directory: Path, *, timeout_s: float) -> Path:
    """Return the root of the work tree that `directory` lies in.

    Raises:
        GitError: it lies in none, or git refuses.
    """
    # The path comes last and may hold a newline itself.
    asked = ("rev-parse", "--is-inside-work-tree", "--show-toplevel")
    answer = run_git(directory, *asked, timeout_s=timeout_s)
    return Path(os.fsdecode(answer.partition(b"\n")[2][:-1]))


def read_work_tree(root: Path, *, timeout_s: float) -> WorkTree:
    """Return the state of the work tree at `root`.

    Raises:
        GitError: git cannot tell what is changed.
    """

    def ask(*arguments: str, options: Sequence[str] = ()) -> bytes:
        return run_git(root, *arguments, options=options, timeout_s=timeout_s)

    listing = ("--untracked-files=all", "--ignore-submodules=none", "--no-renames")
    status_call = begin(
        lambda: ask(
            "status", "--porcelain=v2", "-z", "--branch", *listing, options=NO_LFS
        )
    )
    index_call = begin(lambda: ask("ls-files", "-v", "-s", "-z"))
    tree_call = begin(lambda: ask("rev-parse", "--verify", "-q", "HEAD^{tree}"))
    remotes_call = begin(lambda: ask("remote", "-v"))
    pushed_call = begin(lambda: ask("rev-list", "-1", "HEAD", "--not", "--remotes"))

    problems: list[str] = []
    status = _Status.parse(status_call.result())
    try:
        hidden, submodules, is_sparse = _read_index(root, index_call.result())
    except GitError as error:
        problems.append(f"the index could not be read: {error}")
        hidden, submodules, is_sparse = (), (), False
    remotes = _read_remotes(root, remotes_call.result())
    is_pushed: bool | None = None
    tree: str | None = None
    if status.commit is not None:
        tree = tree_call.result().decode().strip()
        try:
            is_pushed = not pushed_call.result().strip() if remotes else None
        except GitError as error:
            problems.append(f"whether the commit is pushed could not be told: {error}")
    return WorkTree(
        root=root,
        commit=status.commit,
        branch=status.branch,
        tree=tree,
        remote=_choose_remote(remotes, status.upstream),
        is_pushed=is_pushed,
        is_sparse=is_sparse,
        changed=tuple(status.changed),
        untracked=tuple(sorted(status.untracked)),
        hidden=hidden,
        submodules=submodules,
        problems=tuple(problems),
    )


def read_remote(root: Path, *, timeout_s: float) -> str | None:
    """Return the remote of the repository at `root`, without credentials."""
    remotes = _read_remotes(root, run_git(root, "remote", "-v", timeout_s=timeout_s))
    return _choose_remote(remotes, None)


def read_submodules(root: Path, *, timeout_s: float) -> tuple[IndexEntry, ...]:
    """Return the submodules in the index of the repository at `root`."""
    if not (root / ".gitmodules").exists():
        return ()
    listed = run_git(root, "ls-files", "-v", "-s", "-z", timeout_s=timeout_s)
    return _read_index(root, listed)[1]


@dataclass(slots=True)
class _Status:
    """What `git status --porcelain=v2 -z --branch` says."""

    commit: str | None = None
    branch: str | None = None
    upstream: str | None = None
    changed: list[bytes] = field(default_factory=list[bytes])
    untracked: list[bytes] = field(default_factory=list[bytes])

    @classmethod
    def parse(cls, output: bytes) -> _Status:
        status = cls()
        for line in output.split(b"\0"):
            match line[:2]:
                case b"# ":
                    status._take_header(line.decode(errors="replace"))
                case b"1 ":
                    status._take_change(line.split(b" ", 8))
                case b"u ":
                    status._take_change(line.split(b" ", 10))
                case b"? ":
                    status.untracked.append(line[2:])
                case _:
                    pass
        return status

    def _take_header(self, line: str) -> None:
        _, name, value = line.split(" ", 2)
        if name == "branch.oid" and value != "(initial)":
            self.commit = value
        elif name == "branch.head" and value != "(detached)":
            self.branch = value
        elif name == "branch.upstream":
            self.upstream = value

    def _take_change(self, fields: list[bytes]) -> None:
        submodule, path = fields[2], fields[-1]
        # Changed within: the submodule itself is asked what.
        if submodule[:2] == b"S." and fields[1] == b".M":
            return
        self.changed.append(path)


def _read_index(
    root: Path, output: bytes
) -> tuple[tuple[IndexEntry, ...], tuple[IndexEntry, ...], bool]:
    """Return the hidden files that are there, the submodules, and whether it is sparse."""
    hidden: list[IndexEntry] = []
    submodules: list[IndexEntry] = []
    is_sparse = False
    for line in output.split(b"\0"):
        if not line:
            continue
        flag, is_submodule = line[:1], line[2:8] == b"160000"
        if flag == b"H" and not is_submodule:
            continue
        described, _, path = line[2:].partition(b"\t")
        mode, object_id, stage = described.split(b" ")
        if stage != b"0":
            continue
        entry = IndexEntry(path, mode, object_id.decode(), is_submodule)
        if is_submodule:
            submodules.append(entry)
        elif flag == b"S" or flag.islower():
            if os.path.lexists(os.fsencode(root) + b"/" + path):
                hidden.append(entry)
            elif flag == b"S":
                is_sparse = True
    return tuple(hidden), tuple(submodules), is_sparse


def _read_remotes(root: Path, output: bytes) -> dict[str, str]:
    """Return the URL to fetch from of each remote, without credentials."""
    remotes: dict[str, str] = {}
    for line in os.fsdecode(output).splitlines():
        name, _, rest = line.partition("\t")
        url = re.sub(r"(?: \[[^\]]*\])?$", "", rest)
        if url.endswith(" (fetch)"):
            url = url.removesuffix(" (fetch)")
            if url.startswith(".") or (root / url).is_dir():
                url = os.path.normpath(root / url)
            remotes[name] = mask_url(url)
    return remotes


def _choose_remote(remotes: dict[str, str], upstream: str | None) -> str | None:
    """Return the remote of the branch, else `origin`, else the first."""
    for name, url in remotes.items():
        if upstream is not None and upstream.startswith(f"{name}/"):
            return url
    return remotes.get("origin") or next(iter(remotes.values()), None)

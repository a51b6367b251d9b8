"""Gets a commit into a new repository: from a local folder, from a remote, from what was kept.

A local repository is borrowed from (`objects/info/alternates`) and not changed: nothing is
copied, and nothing is written there. It is found where the run was, if this is the machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..git import GitError, GitMissingError, run_git
from .errors import RestoreError

FETCH_TIMEOUT_S = 1800.0
"""A repository of gigabytes over a slow line."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A commit, and where it may be had."""

    commit: str
    remote: str | None
    local: tuple[Path, ...]
    """Folders that may be repositories which have it."""
    urls: tuple[str, ...]
    """More remotes, asked before `remote`."""
    name: str
    """What it is the commit of, for messages."""
    bundle: bytes | None = None
    """A bundle or pack that was kept with the run."""
    is_pack: bool = False


def make_repository(into: Path, *, hash_length: int) -> None:
    """Make an empty repository at `into`.

    Raises:
        RestoreError: git is not installed, or cannot.
    """
    into.mkdir(parents=True, exist_ok=True)
    kind = ("--object-format=sha256",) if hash_length == 64 else ()
    try:
        run_git(into, "init", "-q", "--template=", *kind)
        run_git(into, "config", "core.hooksPath", os.devnull)
        run_git(into, "config", "gc.auto", "0")
    except GitMissingError as error:
        raise RestoreError(
            "git is not installed: install it to have the code of the run again"
        ) from error
    except GitError as error:
        raise RestoreError(f"cannot make a repository in '{into}': {error}") from error


def bring_commit(into: Path, wanted: Wanted) -> None:
    """Bring a commit into the repository at `into`.

    Raises:
        RestoreError: nobody has it; says who was asked.
    """
    tried: list[str] = []
    for folder in wanted.local:
        if _borrow(into, folder, wanted.commit):
            return
    if wanted.bundle is not None and wanted.is_pack and _unpack(into, wanted, tried):
        return
    for url in _urls(wanted):
        place = _as_folder(url)
        if place is not None and _borrow(into, place, wanted.commit):
            return
        if place is not None and wanted.bundle is None:
            tried.append(f"'{url}' does not have it")
        elif _fetch(into, url, wanted, tried):  # what a bundle begins with is there
            return
    if wanted.bundle is not None and _unbundle(into, wanted, tried):
        return
    said = "; ".join(tried) if tried else "no remote was recorded"
    raise RestoreError(
        f"commit {wanted.commit[:12]} of {wanted.name} cannot be had: {said}. Name a "
        "repository that has it, as a folder or URL"
    )


def has_commit(repository: Path, commit: str) -> bool:
    """Tell whether `commit` and its tree are in the repository at `repository`."""
    try:
        run_git(repository, "cat-file", "-e", f"{commit}^{{tree}}")
    except GitError:
        return False
    return True


def _urls(wanted: Wanted) -> Iterator[str]:
    yield from wanted.urls
    if wanted.remote is not None:
        yield wanted.remote


def _as_folder(url: str) -> Path | None:
    """Return the folder that `url` names, if it names one of this machine."""
    if url.startswith("file://"):
        return Path(url.removeprefix("file://"))
    return Path(url) if url.startswith(("/", ".")) else None


def _borrow(into: Path, folder: Path, commit: str) -> bool:
    """Have `into` read objects of the repository at `folder`, if it has the commit."""
    if not folder.is_dir() or not has_commit(folder, commit):
        return False
    try:
        objects, shallow = os.fsdecode(
            run_git(
                folder, "rev-parse", "--git-path", "objects", "--git-path", "shallow"
            )
        ).split("\n")[:2]
        if run_git(
            folder, "config", "--default=", "--get", "extensions.partialClone"
        ).strip():
            return False  # what it does not have it would fetch, into itself
    except GitError:
        return False
    git_folder = into / ".git"
    alternates = git_folder / "objects" / "info" / "alternates"
    alternates.parent.mkdir(exist_ok=True)
    path = os.fsencode(os.path.realpath(folder / objects))
    if b"\n" in path:
        return False
    with alternates.open("ab") as file:
        file.write(path + b"\n")
    if (folder / shallow).is_file():
        with (git_folder / "shallow").open("ab") as file:
            file.write((folder / shallow).read_bytes())
    return has_commit(into, commit)


def _fetch(into: Path, url: str, wanted: Wanted, tried: list[str]) -> bool:
    """Fetch the commit from `url`, alone if the server lets us, else with all branches."""
    if url.startswith("-"):
        tried.append(f"'{url}' is no URL")
        return False
    alone = ("--depth=1", url, wanted.commit)
    whole = (
        url,
        "+refs/heads/*:refs/fetched/heads/*",
        "+refs/tags/*:refs/fetched/tags/*",
    )
    for what in (alone, whole):
        problem = ""
        try:
            run_git(
                into,
                *("fetch", "-q", "--no-tags", "--no-write-fetch-head"),
                *("--no-recurse-submodules", *what),
                timeout_s=FETCH_TIMEOUT_S,
            )
        except GitError as error:
            problem = str(error)
        if has_commit(into, wanted.commit):
            return True
    gone = f"'{url}' does not have it any more"
    tried.append(f"'{url}' cannot be reached: {problem}" if problem else gone)
    return False


def _unpack(into: Path, wanted: Wanted, tried: list[str]) -> bool:
    """Take the commit from a pack that has it alone: the history before it is not there."""
    assert wanted.bundle is not None
    try:
        run_git(into, "index-pack", "--stdin", "--fix-thin", input_=wanted.bundle)
    except GitError as error:
        tried.append(f"the kept pack is damaged: {error}")
        return False
    (into / ".git" / "shallow").write_text(wanted.commit + "\n")
    if has_commit(into, wanted.commit):
        return True
    tried.append("the kept pack does not have it")
    return False


def _unbundle(into: Path, wanted: Wanted, tried: list[str]) -> bool:
    """Take the commit from a bundle, whose beginning must have come from a remote."""
    assert wanted.bundle is not None
    path = into / ".git" / "kept.bundle"
    path.write_bytes(wanted.bundle)
    try:
        run_git(
            into,
            *("fetch", "-q", "--no-tags", "--no-write-fetch-head", str(path)),
            "HEAD:refs/fetched/kept",
            timeout_s=FETCH_TIMEOUT_S,
        )
    except GitError as error:
        tried.append(f"the kept bundle does not fit: {error}")
        return False
    finally:
        path.unlink()
    return has_commit(into, wanted.commit)

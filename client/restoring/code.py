"""The code of a run, put into a folder as it was."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..git import GitError, run_git
from ..wire import Code, Submodule
from .applying import check_out
from .commits import Wanted, bring_commit, make_repository
from .errors import RestoreError
from .unpacking import unpack_beside, write_below

ReadFile = Callable[[str], bytes]
"""Returns the content of a kept file of the run, by its name."""
_TOLD_MAX = 5


@dataclass(frozen=True, slots=True)
class RestoredCode:
    """Code as it was."""

    root: Path
    """The work tree."""
    directory: Path
    """Where the command ran, in it."""
    notes: tuple[str, ...] = ()
    """What is not as it was, a sentence each."""
    moved: Mapping[str, Path] = field(default_factory=dict[str, Path])
    """Recorded folders, and where they are now: for absolute paths in arguments."""


def restore_code(
    code: Code,
    read_file: ReadFile,
    into: Path,
    *,
    fetch_from: Path | str | None = None,
) -> RestoredCode:
    """Put `code` into the folder `into`, which is empty or not there yet.

    Args:
        read_file: gives the content of a kept file of the run.
        fetch_from: a Git repository that is asked before the recorded remote: a local
            folder, which is not changed, or a URL.

    Raises:
        RestoreError: it cannot be had, or did not come out as recorded.
    """
    into = Path(os.path.abspath(into))  # noqa: PTH100 (links stay)
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise RestoreError(
            f"'{into}' is not an empty folder: name one that is not there"
        )
    into.mkdir(parents=True, exist_ok=True)
    notes: list[str] = []
    if code.kind == "git":
        try:
            _restore_tree(code, read_file, into, fetch_from, notes)
        except GitError as error:
            raise RestoreError(f"the code cannot be restored: {error}") from error
    else:
        _restore_loose(code, read_file, into)
    if code.untracked_left_out:
        names = [f"'{each.path}'" for each in code.untracked_left_out[:_TOLD_MAX]]
        rest = len(code.untracked_left_out) - len(names)
        more = f" and {rest} more" if rest else ""
        notes.append(f"not kept with the run, so not there: {', '.join(names)}{more}")
    if code.masked_argument is not None:
        notes.append("secrets in the arguments were masked: give them again")
    directory = _directory(code, into)
    return RestoredCode(
        into, directory, tuple(notes), {code.root: into} if code.root else {}
    )


def _restore_tree(
    code: Code,
    read_file: ReadFile,
    into: Path,
    fetch_from: Path | str | None,
    notes: list[str],
) -> None:
    diff = read_file(code.diff) if code.diff is not None else None
    hashes = code.commit.encode() if code.commit else _first_hash(diff or b"")
    make_repository(into, hash_length=len(hashes))
    if code.commit is not None:
        wanted = Wanted(
            commit=code.commit,
            remote=code.remote,
            local=_folders(fetch_from, code.root, "."),
            urls=(str(fetch_from),) if _is_url(fetch_from) else (),
            name="the run's code",
            bundle=read_file(code.bundle) if code.bundle is not None else None,
            is_pack=code.bundle is not None and code.bundle.endswith(".pack"),
        )
        bring_commit(into, wanted)
    check_out(into, code, diff)
    for each in code.submodules:
        _restore_submodule(each, code, into, fetch_from)
        if each.is_dirty:
            notes.append(f"'{each.path}' had changes that were not recorded")
    if code.untracked is not None:
        unpack_beside(read_file(code.untracked), into)
    _fetch_large_files(into, notes)
    if code.is_sparse:
        notes.append("some files of the commit were left out then, and are here now")


def _restore_submodule(
    each: Submodule, code: Code, into: Path, fetch_from: Path | str | None
) -> None:
    folder = into / each.path
    if not Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(into)):
        raise RestoreError(f"submodule '{each.path}' leads out of the folder")
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    make_repository(folder, hash_length=len(each.commit))
    wanted = Wanted(
        commit=each.commit,
        remote=each.remote,
        local=_folders(fetch_from, code.root, each.path),
        urls=(),
        name=f"submodule '{each.path}'",
    )
    bring_commit(folder, wanted)
    check_out(
        folder,
        Code(
            kind="git",
            argv=[],
            directory=".",
            commit=each.commit,
            remote=each.remote,
            is_pushed=each.remote is not None,
        ),
        None,
    )


def _restore_loose(code: Code, read_file: ReadFile, into: Path) -> None:
    if code.untracked is not None:
        unpack_beside(read_file(code.untracked), into)
    entry = code.entry
    if entry is None or entry.file is None:
        if code.untracked is None:
            raise RestoreError(
                "the code of this run was not in Git, and no file of it was kept: there "
                "is nothing to run again"
            )
        return
    content = read_file(entry.file)
    if hashlib.sha256(content).hexdigest() != entry.sha256:
        raise RestoreError(
            f"'{entry.path}' is not what was recorded: the record is damaged"
        )
    name = entry.path if not entry.path.startswith("/") else Path(entry.path).name
    write_below(name, content, into).chmod(0o755)


def _directory(code: Code, into: Path) -> Path:
    """Return where the command runs; a folder that held no file is made."""
    if code.directory.startswith("/"):
        return into
    directory = into / code.directory
    if not Path(os.path.realpath(directory)).is_relative_to(os.path.realpath(into)):
        raise RestoreError(
            f"the recorded folder '{code.directory}' leads out of the code"
        )
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _folders(
    fetch_from: Path | str | None, recorded: str, path: str
) -> tuple[Path, ...]:
    """Return the folders of this machine that may have the commit: what was named first."""
    named = () if fetch_from is None or _is_url(fetch_from) else (Path(fetch_from),)
    was = (Path(recorded),) if recorded else ()
    return tuple(folder / path for folder in (*named, *was))


def _first_hash(diff: bytes) -> bytes:
    """Return one of the hashes in a diff: their length says which kind Git uses."""
    found = re.search(rb"(?m)^index [0-9a-f]+\.\.([0-9a-f]+)", diff)
    return found[1] if found is not None else b""


def _is_url(fetch_from: Path | str | None) -> bool:
    if not isinstance(fetch_from, str):
        return False
    # Git's own rule for `host:path`: a colon before the first slash.
    return "://" in fetch_from or ":" in fetch_from.partition("/")[0]


def _fetch_large_files(into: Path, notes: list[str]) -> None:
    """Replace the pointers of Git LFS by their files, where that can be done."""
    if not (into / ".gitattributes").exists():
        return
    try:
        listed = run_git(into, "ls-files", "-z", "--", ":(attr:filter=lfs)")
    except GitError:
        return
    pointers = [
        path for path in listed.split(b"\0") if path and _is_pointer(into, path)
    ]
    if not pointers:
        return
    if shutil.which("git-lfs") is not None:
        try:
            run_git(into, "lfs", "pull", timeout_s=3600)
        except GitError as error:
            notes.append(f"files of Git LFS could not be fetched: {error}")
            return
        pointers = [path for path in pointers if _is_pointer(into, path)]
    if pointers:
        first = os.fsdecode(pointers[0])
        notes.append(
            f"{len(pointers)} files are pointers of Git LFS, as '{first}': install "
            "git-lfs to have their content"
        )


def _is_pointer(into: Path, path: bytes) -> bool:
    try:
        with open(os.fsencode(into) + b"/" + path, "rb") as file:  # noqa: PTH123
            return file.read(40).startswith(b"version https://git-lfs.github.com/")
    except OSError:
        return False

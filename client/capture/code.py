"""The code of a run: where it comes from, and what lay beside the commit."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..git import GitError, GitMissingError, GitOutputTooLargeError
from ..wire import Code, EntryFile, Missing
from .beside import Beside, shown, sized
from .captured import DEFAULT_LIMITS, Captured, FileToKeep, Limits
from .changes import Diff, read_diff
from .command import read_command
from .contents import why_not_kept
from .hidden import find_changed_hidden
from .loose import find_modules
from .parallel import begin
from .secrets import mask_argv
from .submodules import capture_submodules
from .work_tree import WorkTree, find_root, read_work_tree

DIFF_NAME = "code.diff"
TAR_NAME = "code.tar"
_MASKED_ARGUMENT = Missing(
    what="code.argv",
    reason="a secret in the arguments was masked, so that the command cannot be run from "
    "them: give secrets in the environment",
)


def capture_code(
    directory: Path,
    argv: Sequence[str],
    *,
    environ: Mapping[str, str] | None = None,
    exclude: Sequence[Path] = (),
    limits: Limits = DEFAULT_LIMITS,
) -> Captured[Code]:
    """Return the code that `argv`, run in `directory`, would use.

    Writes nothing, neither into the work tree nor into Git's folder. Never raises for
    what cannot be had: that is in `missing`. Untracked files at and below the paths of
    `exclude` are data, and left alone.
    """
    directory = Path(os.path.abspath(directory))  # noqa: PTH100 (links stay)
    entry = read_command(
        argv, directory, os.environ if environ is None else environ
    ).entry
    masked = mask_argv(argv)
    gaps = () if masked == list(argv) else (_MASKED_ARGUMENT,)
    captured = _capture(
        directory, [shown(word) for word in masked], entry, exclude, limits
    )
    return replace(captured, missing=(*gaps, *captured.missing))


def _capture(
    directory: Path,
    words: list[str],
    entry: Path | None,
    exclude: Sequence[Path],
    limits: Limits,
) -> Captured[Code]:
    try:
        root = find_root(directory, timeout_s=limits.git_timeout_s)
        tree = read_work_tree(root, timeout_s=limits.git_timeout_s)
        tree = _without(tree, exclude)
    except GitError as error:
        return _capture_loose(
            directory, words, entry, _why_no_git(error, directory), limits
        )
    return _capture_tree(tree, directory, words, entry, limits)


def _without(tree: WorkTree, exclude: Sequence[Path]) -> WorkTree:
    """Return `tree` without the untracked files at and below the paths of `exclude`."""
    places = [os.fsencode(_relative_place(path, tree.root)) for path in exclude]
    untracked = tuple(
        path
        for path in tree.untracked
        if not any(
            path.rstrip(b"/") == place or path.startswith(place + b"/")
            for place in places
        )
    )
    return replace(tree, untracked=untracked)


def _relative_place(path: Path, root: Path) -> str:
    """Return where `path` is named in `root`: a link there is named, not followed."""
    full = Path(os.path.abspath(path))  # noqa: PTH100 (links stay)
    return os.path.relpath(os.path.realpath(full.parent) / Path(full.name), root)


def _capture_tree(
    tree: WorkTree,
    directory: Path,
    words: list[str],
    entry: Path | None,
    limits: Limits,
) -> Captured[Code]:
    missing = [Missing(what="code", reason=problem) for problem in tree.problems]
    submodules_call = begin(lambda: capture_submodules(tree, limits))
    diff = _read_diff(tree, limits, missing)
    has_gap = any(each.what == "code.diff" for each in missing)
    beside = Beside(tree.root, limits)
    beside.add_all(path for path in tree.untracked if not path.endswith(b"/"))
    beside.add_all(diff.beside)
    beside.add_all(find_changed_hidden(tree))
    for each in diff.omitted:
        beside.leave_out(each.path, each.size_bytes, each.reason)
    submodules = submodules_call.result()
    missing += submodules.missing
    files = _files({DIFF_NAME: diff.content or None, TAR_NAME: beside.finish()})
    missing += _name_left_out(beside)
    entry_file = _describe_entry(entry, tree.root, missing)
    return Captured(
        Code(
            kind="git",
            argv=words,
            directory=_relative(directory, tree.root),
            root=shown(str(tree.root)),
            remote=tree.remote,
            commit=tree.commit,
            branch=tree.branch,
            tree=tree.tree,
            is_pushed=tree.is_pushed,
            is_sparse=tree.is_sparse,
            is_dirty=bool(files or beside.left_out or has_gap),
            diff=DIFF_NAME if _has(files, DIFF_NAME) else None,
            untracked=TAR_NAME if _has(files, TAR_NAME) else None,
            untracked_left_out=beside.left_out,
            submodules=[*submodules.part],
            entry=entry_file,
        ),
        files,
        tuple(missing),
    )


def _read_diff(tree: WorkTree, limits: Limits, missing: list[Missing]) -> Diff:
    if not tree.changed:
        return Diff(b"", (), ())
    try:
        return read_diff(tree, limits)
    except GitOutputTooLargeError as error:
        reason = (
            f"the changes of tracked files are too large to keep ({error}): commit them, "
            "or have Git ignore what is data"
        )
    except GitError as error:
        reason = f"git could not tell the changes of tracked files: {error}"
    missing.append(Missing(what="code.diff", reason=reason))
    return Diff(b"", (), ())


def _capture_loose(
    directory: Path, words: list[str], entry: Path | None, why: str, limits: Limits
) -> Captured[Code]:
    """Return what can be had without Git: the entry file, and modules that it imports."""
    missing = [Missing(what="code.commit", reason=why)] if why else []
    root = directory
    if entry is not None and not _is_below(entry, directory):
        root = entry.parent
    entry_file: EntryFile | None = None
    files: list[FileToKeep] = []
    beside = Beside(root, limits)
    if entry is None:
        reason = "the command names no file of code that is here"
        missing.append(Missing(what="code.entry", reason=reason))
    else:
        entry_file = _describe_entry(entry, root, missing)
        kept = _keep_entry(entry, limits, missing) if entry_file is not None else None
        if kept is not None and entry_file is not None:
            files.append(kept)
            entry_file = _with_file(entry_file, kept.name)
        folder = entry.parent if _is_below(entry.parent, root) else root
        modules = find_modules(entry, folder)
        beside.add_all(os.fsencode(os.path.relpath(path, root)) for path in modules)
    files += _files({TAR_NAME: beside.finish()})
    missing += _name_left_out(beside)
    return Captured(
        Code(
            kind="none",
            argv=words,
            directory=_relative(directory, root),
            root=shown(str(root)),
            untracked=TAR_NAME if _has(files, TAR_NAME) else None,
            untracked_left_out=beside.left_out,
            entry=entry_file,
        ),
        tuple(files),
        tuple(missing),
    )


def _keep_entry(
    entry: Path, limits: Limits, missing: list[Missing]
) -> FileToKeep | None:
    content = entry.read_bytes()
    reason = why_not_kept(str(entry), content)
    if len(content) > limits.untracked_file_bytes_max:
        reason = f"it is larger than {sized(limits.untracked_file_bytes_max)}"
    if reason is not None:
        text = f"'{shown(entry.name)}' is not kept: {reason}"
        missing.append(Missing(what="code.entry", reason=text))
        return None
    return FileToKeep(f"entry{entry.suffix}", content)


def _describe_entry(
    entry: Path | None, root: Path, missing: list[Missing]
) -> EntryFile | None:
    if entry is None:
        return None
    try:
        with entry.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            size_bytes = file.tell()
    except OSError as error:
        text = f"'{shown(str(entry))}' cannot be read: {error.strerror}"
        missing.append(Missing(what="code.entry", reason=text))
        return None
    path = _relative(entry, root)
    return EntryFile(path=path, sha256=digest.hexdigest(), size_bytes=size_bytes)


def _with_file(entry: EntryFile, name: str) -> EntryFile:
    return EntryFile(
        path=entry.path, sha256=entry.sha256, size_bytes=entry.size_bytes, file=name
    )


def _why_no_git(error: GitError, directory: Path) -> str:
    """Return why git could not be asked; nothing where there is no work tree to ask of."""
    if isinstance(error, GitMissingError):
        return (
            "git is not installed: install it, and the commit and changes are recorded"
        )
    # What git takes for no repository may be a damaged one.
    if not any(
        (folder / ".git").exists() for folder in (directory, *directory.parents)
    ):
        return ""
    return f"git refuses: {error}"


def _name_left_out(beside: Beside) -> list[Missing]:
    """Name the gap of what is not even told by name: the rest has its rows."""
    rest = beside.left_out_count - len(beside.left_out)
    if not rest:
        return []
    text = (
        f"{rest} more files are not kept than are named: have Git ignore what is data"
    )
    return [Missing(what="code.untracked", reason=text)]


def _files(contents: Mapping[str, bytes | None]) -> tuple[FileToKeep, ...]:
    return tuple(
        FileToKeep(name, content)
        for name, content in contents.items()
        if content is not None
    )


def _has(files: Sequence[FileToKeep], name: str) -> bool:
    return any(each.name == name for each in files)


def _relative(path: Path, root: Path) -> str:
    """Return `path` relative to `root` if it lies below, as git resolves links, else as it is."""
    if not _is_below(path, root):
        return shown(str(path))
    return shown(os.path.relpath(os.path.realpath(path), os.path.realpath(root)))


def _is_below(path: Path, root: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))

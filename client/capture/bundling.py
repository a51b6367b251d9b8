"""Keeps commits that no remote has, so that the run can be done again elsewhere.

Separate from the capture before the run, and for while it goes on: commits do not change
meanwhile, and packing them takes longer than a command should wait.
"""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from ..git import GitError, GitOutputTooLargeError, run_git
from ..wire import Code, Missing
from ..wire.run_parts import REFUSALS
from .beside import sized
from .captured import DEFAULT_LIMITS, Captured, FileToKeep, Limits
from .commit_secrets import why_commit_not_kept, why_commits_not_kept

BUNDLE_NAME = "code.bundle"
PACK_NAME = "code.bundle.pack"


def capture_commits(code: Code, *, limits: Limits = DEFAULT_LIMITS) -> Captured[Code]:
    """Return `code` with what no remote has of its commit, to be kept with the run.

    With a remote: a bundle of the commits that it does not have. Without one: a pack of
    this commit alone, if it is not too many files to pack at each run. `code` as it is,
    if the commit is pushed or there is none, or if a secret is in what would be kept.
    """
    if code.kind != "git" or code.commit is None or code.is_pushed or not code.root:
        return Captured(code)
    root = Path(code.root)
    try:
        if code.remote is not None:
            why_not = why_commits_not_kept(root, code.commit, limits)
            if why_not is not None:
                return _leave_out(code, why_not, "push it, then it need not be kept")
            name, content = BUNDLE_NAME, _bundle(root, code.commit, limits)
        else:
            objects = _list_objects(root, code.commit, limits)
            if objects.count(b"\n") > limits.pack_objects_max:
                return Captured(code)
            why_not = why_commit_not_kept(root, code.commit, limits)
            if why_not is not None:
                return _leave_out(code, why_not, "give it a remote, and push it")
            name, content = PACK_NAME, _pack(root, objects, limits)
    except GitOutputTooLargeError:
        most = sized(limits.bundle_bytes_max)
        reason = f"what no remote has of the commit is larger than {most}: push it"
        return Captured(code, (), (Missing(what="code.bundle", reason=reason),))
    except GitError as error:
        reason = f"what no remote has of the commit cannot be kept: {error}; push it"
        return Captured(code, (), (Missing(what="code.bundle", reason=reason),))
    return Captured(replace(code, bundle=name), (FileToKeep(name, content),))


def _leave_out(code: Code, what: str, way_out: str) -> Captured[Code]:
    if what.endswith(REFUSALS):
        way_out = f"take that out of its history, or {way_out}"
    text = f"what no remote has of the commit is not kept, for it has {what}; {way_out}"
    return Captured(code, (), (Missing(what="code.bundle", reason=text),))


def _bundle(root: Path, commit: str, limits: Limits) -> bytes:
    _check_head(root, commit)
    content = run_git(
        root,
        *("bundle", "create", "--quiet", "-", "HEAD", "--not", "--remotes"),
        options=("-c", "pack.threads=1"),
        timeout_s=limits.git_timeout_s,
        output_bytes_max=limits.bundle_bytes_max,
    )
    # A bundle takes names, not commits: another one was not looked at.
    _check_head(root, commit)
    return content


def _check_head(root: Path, commit: str) -> None:
    head = run_git(root, "rev-parse", "HEAD").decode().strip()
    if head != commit:
        raise GitError("the work tree has moved to another commit")


def _list_objects(root: Path, commit: str, limits: Limits) -> bytes:
    return run_git(
        root,
        *("rev-list", "--objects", "--no-object-names", "--no-walk", commit),
        timeout_s=limits.git_timeout_s,
    )


def _pack(root: Path, objects: bytes, limits: Limits) -> bytes:
    """Return a commit with all its files, and without what was before it."""
    content = run_git(
        root,
        *("pack-objects", "--stdout", "-q", "--no-reuse-delta"),
        # One thread: the same commit gives the same bytes, which are stored once.
        options=("-c", "pack.threads=1"),
        input_=objects,
        timeout_s=limits.git_timeout_s,
    )
    if len(content) > limits.bundle_bytes_max:
        raise GitOutputTooLargeError(f"{len(content)} bytes")
    return content

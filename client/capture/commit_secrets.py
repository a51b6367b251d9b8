"""Whether commits that no remote has may be kept with a run: not if they bring secrets.

A bundle has files as they are, and cannot leave one out. So it is looked at what its commits
add and change, by the rules that hold for files which are in no commit (`contents.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..git import GitError, run_git
from ..wire.run_parts import REFUSED_CONTENT
from .beside import shown, sized
from .captured import Limits
from .contents import why_not_kept
from .shapes import has_secret_shape

_SUBMODULE = b"160000"


def why_commits_not_kept(root: Path, commit: str, limits: Limits) -> str | None:
    """Return why what no remote has of `commit` is not kept: what is in it, and the reason.

    None: nothing speaks against it.

    Raises:
        GitError: git cannot tell.
    """
    listed = run_git(
        root,
        *("rev-list", commit, "--not", "--remotes"),
        timeout_s=limits.git_timeout_s,
    )
    changes = run_git(
        root,
        *("diff-tree", "--stdin", "-r", "-m", "--root", "--no-commit-id", "-z"),
        *("--raw", "--no-abbrev", "--no-renames", "--no-ext-diff"),
        input_=listed,
        timeout_s=limits.git_timeout_s,
    )
    return _why_not(root, listed.split(), _added(changes), limits)


def why_commit_not_kept(root: Path, commit: str, limits: Limits) -> str | None:
    """Return why `commit` is not kept with all its files: what is in it, and the reason.

    None: nothing speaks against it.

    Raises:
        GitError: git cannot tell.
    """
    files = run_git(
        root,
        *("ls-tree", "-r", "-z", "--full-tree", commit),
        timeout_s=limits.git_timeout_s,
    )
    paths: list[tuple[bytes, bytes]] = []
    for line in files.split(b"\0"):
        described, _, path = line.partition(b"\t")
        mode, _, rest = described.partition(b" ")
        if path and mode != _SUBMODULE:
            paths.append((path, rest.rpartition(b" ")[2]))
    return _why_not(root, [commit.encode()], paths, limits)


def _added(changes: bytes) -> list[tuple[bytes, bytes]]:
    """Return the path and the id of each file that is new or changed."""
    rows: list[tuple[bytes, bytes]] = []
    fields = changes.split(b"\0")
    for described, path in zip(fields[::2], fields[1::2], strict=False):
        _, mode, _, id_, _ = described.split(b" ")
        if mode != _SUBMODULE and id_.strip(b"0"):
            rows.append((path, id_))
    return rows


def _why_not(
    root: Path,
    commits: list[bytes],
    files: list[tuple[bytes, bytes]],
    limits: Limits,
) -> str | None:
    names: dict[str, list[bytes]] = {}
    for path, hashed in files:
        names.setdefault(hashed.decode(), []).append(path)
        reason = why_not_kept(shown(path), b"")
        if reason is not None:
            return f"'{shown(path)}': {reason}"
    most, most_together = limits.diff_file_bytes_max, limits.diff_bytes_max
    total_bytes = 0
    for id_, size_bytes in _read_sizes(root, list(names), limits):
        total_bytes += size_bytes
        if size_bytes > most:
            return f"'{shown(names[id_][0])}': it is larger than {sized(most)}"
    if total_bytes > most_together:
        return f"its files: all together are larger than {sized(most_together)}"
    for id_, content in _read(root, list(names), limits):
        for path in names[id_]:
            reason = why_not_kept(shown(path), content)
            if reason is not None:
                return f"'{shown(path)}': {reason}"
    for id_, content in _read(root, [each.decode() for each in commits], limits):
        if has_secret_shape(content.decode("latin-1")):
            return f"its message '{id_[:12]}': {REFUSED_CONTENT}"
    return None


def _read_sizes(
    root: Path, ids: list[str], limits: Limits
) -> Iterator[tuple[str, int]]:
    if not ids:
        return
    answer = _ask(root, "--batch-check", ids, limits)
    for line in answer.decode().splitlines():
        id_, _, described = line.partition(" ")
        kind, _, size = described.partition(" ")
        if not size:
            raise GitError(f"object '{id_}' is {kind or 'not here'}")
        yield id_, int(size)


def _read(root: Path, ids: list[str], limits: Limits) -> Iterator[tuple[str, bytes]]:
    if not ids:
        return
    answer = _ask(root, "--batch", ids, limits)
    position = 0
    while position < len(answer):
        end = answer.index(b"\n", position)
        id_, _, size = answer[position:end].decode().split(" ")
        content = answer[end + 1 : end + 1 + int(size)]
        yield id_, content
        position = end + 1 + len(content) + 1


def _ask(root: Path, how: str, ids: list[str], limits: Limits) -> bytes:
    asked = "".join(f"{id_}\n" for id_ in ids).encode()
    return run_git(root, "cat-file", how, input_=asked, timeout_s=limits.git_timeout_s)

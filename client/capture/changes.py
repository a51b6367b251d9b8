"""The diff of tracked files: what `git apply` takes, and nothing secret in it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..git import GitOutputTooLargeError, run_git
from ..wire.run_parts import REFUSED_CONTENT, REFUSED_NAME
from .beside import shown, sized
from .captured import Limits
from .contents import holds_secret
from .names import is_secret_file
from .work_tree import NO_LFS, WorkTree

DIFF_OPTIONS = (
    *("--binary", "--full-index", "--no-ext-diff", "--no-textconv", "--no-renames"),
    *("--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--unified=3"),
    *("--inter-hunk-context=0", "--diff-algorithm=myers", "--no-indent-heuristic"),
    *("--ignore-submodules=all", "--no-relative", "-O/dev/null"),
)
"""Each overrides what a user may have configured: the diff must be one that applies."""
EMPTY_TREES = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""Git's own name of a tree without files, by the length of its hashes."""
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/.*\noid sha256:([0-9a-f]{64})\n"
)
_EXCLUDED_MAX = 1000
"""Paths left out go into the arguments of git, which have an end."""


@dataclass(frozen=True, slots=True)
class Omitted:
    """A changed file that is not in the diff."""

    path: bytes
    size_bytes: int
    reason: str


@dataclass(frozen=True, slots=True)
class Diff:
    """The changes of tracked files."""

    content: bytes
    omitted: tuple[Omitted, ...]
    beside: tuple[bytes, ...]
    """Changed files of Git LFS, to be kept whole: a diff would have their pointers."""


def read_diff(tree: WorkTree, limits: Limits) -> Diff:
    """Return what is changed in the tracked files of `tree`.

    Raises:
        GitError: git cannot tell.
    """
    omitted: list[Omitted] = []
    for path in tree.changed:
        size_bytes = _size(tree.root, path)
        if is_secret_file(shown(path)):
            omitted.append(Omitted(path, size_bytes, REFUSED_NAME))
        elif size_bytes > limits.diff_file_bytes_max:
            most = sized(limits.diff_file_bytes_max)
            omitted.append(Omitted(path, size_bytes, f"it is larger than {most}"))
    large = _lfs_files(tree, limits)
    names = [each.path for each in omitted]
    content = _ask(tree, [*names, *large], limits)
    secret = [
        path for path, piece in split_diff(content) if holds_secret(shown(path), piece)
    ]
    if secret:
        omitted += [
            Omitted(path, _size(tree.root, path), REFUSED_CONTENT) for path in secret
        ]
        content = _ask(tree, [*names, *large, *secret], limits)
    changed = tuple(path for path in large if not _is_as_committed(tree, path, limits))
    return Diff(content, tuple(omitted), changed)


def split_diff(content: bytes) -> Iterable[tuple[bytes, bytes]]:
    """Yield the path and the lines, without their signs, of each file of a diff."""
    # Within a file's changes every line begins with a sign or a digit of a binary patch.
    for piece in re.split(rb"(?m)^diff --git ", content)[1:]:
        header, _, rest = piece.partition(b"\n")
        if b"\nGIT binary patch\n" in b"\n" + rest[:2000]:
            rest = b""
        yield _path_of(header), re.sub(rb"(?m)^[-+ ]", b"", rest)


def _path_of(header: bytes) -> bytes:
    """Return the path of `a/PATH b/PATH`, which has both halves alike: renames are off."""
    half = header[: len(header) // 2]
    if not half.startswith(b'"'):
        return half.removeprefix(b"a/")
    text = half.strip(b'"').removeprefix(b"a/")
    return re.sub(rb"\\([0-7]{3}|.)", _unescape, text)


def _unescape(found: re.Match[bytes]) -> bytes:
    code = found[1]
    if len(code) == 3:
        return bytes([int(code, 8)])
    return {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b"}.get(
        code, {b"v": b"\v", b"f": b"\f"}.get(code, code)
    )


def _ask(tree: WorkTree, excluded: Sequence[bytes], limits: Limits) -> bytes:
    if len(excluded) > _EXCLUDED_MAX:
        raise GitOutputTooLargeError(f"{len(excluded)} changed files cannot be kept")
    base = tree.commit or _empty_tree(tree)
    paths = [b":(top,exclude,literal)" + path for path in excluded]
    return run_git(
        tree.root,
        *("diff", *DIFF_OPTIONS, base, "--"),
        *([b":(top)", *paths] if paths else []),
        options=NO_LFS,
        timeout_s=limits.git_timeout_s,
        output_bytes_max=limits.diff_bytes_max,
    )


def _empty_tree(tree: WorkTree) -> str:
    shown_format = run_git(tree.root, "rev-parse", "--show-object-format").strip()
    return EMPTY_TREES[64 if shown_format == b"sha256" else 40]


def _lfs_files(tree: WorkTree, limits: Limits) -> list[bytes]:
    """Return the changed files that Git LFS keeps."""
    if not tree.changed:
        return []
    answer = run_git(
        tree.root,
        *("check-attr", "-z", "--stdin", "filter"),
        input_=b"\0".join(tree.changed) + b"\0",
        timeout_s=limits.git_timeout_s,
    ).split(b"\0")
    rows = zip(answer[::3], answer[2::3], strict=False)
    return [path for path, value in rows if value == b"lfs" and _size(tree.root, path)]


def _is_as_committed(tree: WorkTree, path: bytes, limits: Limits) -> bool:
    """Tell whether a file of Git LFS has the content that its pointer names."""
    if tree.commit is None:
        return False
    name = b"HEAD:" + path
    try:
        pointer = run_git(
            tree.root, "cat-file", "blob", name, timeout_s=limits.git_timeout_s
        )
    except Exception:  # noqa: BLE001 (it is new: then it is no commit's)
        return False
    found = _POINTER.match(pointer)
    with open(os.fsencode(tree.root) + b"/" + path, "rb") as file:  # noqa: PTH123
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return found is not None and found[1].decode() == digest


def _size(root: Path, path: bytes) -> int:
    try:
        return os.lstat(os.fsencode(root) + b"/" + path).st_size
    except OSError:
        return 0

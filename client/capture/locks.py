"""Lock files: which there are, and whether they say what is installed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..wire import Distribution, LockFile, Missing
from .beside import shown, sized
from .captured import FileToKeep, Limits
from .distributions import normalized
from .shapes import mask_shapes

LockKind = Literal["uv", "poetry", "requirements", "conda", "pdm", "pipfile", "pylock"]

_NAMES: dict[str, LockKind] = {
    "uv.lock": "uv",
    "poetry.lock": "poetry",
    "pdm.lock": "pdm",
    "Pipfile.lock": "pipfile",
    "pylock.toml": "pylock",
    "conda-lock.yml": "conda",
    "conda-lock.yaml": "conda",
}
_REQUIREMENTS = re.compile(
    r"(?:.*[-_.])?(?:requirements|constraints)(?:[-_.].*)?\.(?:txt|lock)"
)
_PINNED = re.compile(
    r"(?m)^(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[^\]\n]*\])?\s*===?\s*(?P<version>[^\s;\\,*]+)"
)
_LOOSE = re.compile(r"(?m)^[A-Za-z0-9][\w.-]*(?:\[[^\]\n]*\])?\s*(?:[<>~!]|$|;|@|#)")
_PACKAGE = re.compile(
    r'(?m)^\[\[packages?\]\]\r?\nname = "(?P<name>[^"]+)"\r?\nversion = "(?P<version>[^"]+)"'
)
BOOTSTRAP = {"pip", "setuptools", "wheel", "distribute", "pkg-resources"}
"""What comes with a new environment, which no lock file names."""
_FILES_MAX = 10
_TOLD_MAX = 3


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock file and its content."""

    row: LockFile
    content: bytes


def find_locks(
    directory: Path, root: Path, limits: Limits
) -> tuple[list[Lock], list[Missing]]:
    """Return the lock files between `directory` and `root`, the nearest first."""
    found: list[Lock] = []
    missing: list[Missing] = []
    for path, kind in _candidates(directory, root):
        name = shown(str(path.relative_to(root)))
        try:
            if path.stat().st_size > limits.lock_bytes_max:
                reason = f"'{name}' is larger than {sized(limits.lock_bytes_max)}"
                missing.append(Missing(what="environment.lock", reason=reason))
                continue
            content = path.read_bytes()
        except OSError as error:
            reason = f"'{name}' cannot be read: {error.strerror}"
            missing.append(Missing(what="environment.lock", reason=reason))
            continue
        if kind == "requirements" and not is_pinned(content):
            continue
        # An index with a password in its URL; the pins stay what they are.
        masked = mask_shapes(content.decode(errors="surrogateescape"))
        content = masked.encode(errors="surrogateescape")
        kept = f"locks/{name}"
        digest = hashlib.sha256(content).hexdigest()
        row = LockFile(path=name, kind=kind, file=kept, sha256=digest)
        found.append(Lock(row, content))
        if len(found) == _FILES_MAX:
            break
    return found, missing


def files_of(locks: Sequence[Lock]) -> list[FileToKeep]:
    """Return the files to keep of `locks`."""
    return [FileToKeep(each.row.file, each.content) for each in locks]


def is_pinned(content: bytes) -> bool:
    """Tell whether a requirements file pins all that it names to one version."""
    text = content.decode(errors="replace")
    return _PINNED.search(text) is not None and _LOOSE.search(text) is None


def read_pins(kind: LockKind, content: bytes) -> dict[str, set[str]]:
    """Return the versions that a lock file has of each distribution, by normalized name.

    Several, where it has some for each platform. Nothing of what it cannot read.
    """
    text = content.decode(errors="replace")
    pins: dict[str, set[str]] = {}
    match kind:
        case "pipfile":
            pairs = list(_pipfile_pins(text))
        case "requirements":
            pairs = [(each["name"], each["version"]) for each in _PINNED.finditer(text)]
        case "conda":
            found = re.finditer(
                r"(?m)^- name: (\S+)\n(?:  .*\n)*?  version: '?([^\s']+)", text
            )
            pairs = [(each[1], each[2]) for each in found]
        case _:
            pairs = [
                (each["name"], each["version"]) for each in _PACKAGE.finditer(text)
            ]
    for name, version in pairs:
        pins.setdefault(normalized(name), set()).add(version)
    return pins


def explain_mismatch(
    locks: Sequence[Lock], installed: Sequence[Distribution]
) -> Missing | None:
    """Return what is installed otherwise than every one of `locks` says; None: one fits."""
    mismatches: list[str] = []
    for lock in locks:
        pins = read_pins(lock.row.kind, lock.content)
        wrong = [
            f"{each.name} {each.version}"
            + (
                f" (locked: {', '.join(sorted(pins[each.name]))})"
                if each.name in pins
                else ""
            )
            for each in installed
            if not _fits(each, pins)
        ]
        if not wrong:
            return None
        rest = f" and {len(wrong) - _TOLD_MAX} more" if len(wrong) > _TOLD_MAX else ""
        told = ", ".join(wrong[:_TOLD_MAX]) + rest
        mismatches.append(f"'{lock.row.path}' does not say what is installed: {told}")
    if not mismatches:
        return None
    return Missing(what="environment.lock", reason="; ".join(mismatches))


def _fits(each: Distribution, pins: dict[str, set[str]]) -> bool:
    if each.url is not None or each.name in BOOTSTRAP:
        return True  # it says itself where it is from
    return each.version in pins.get(each.name, ())


def _candidates(directory: Path, root: Path) -> Iterator[tuple[Path, LockKind]]:
    folder = directory
    while True:
        try:
            names = sorted(each.name for each in folder.iterdir() if each.is_file())
        except OSError:
            names = []
        for name in names:
            kind = _kind_of(name)
            if kind is not None:
                yield folder / name, kind
        if folder == root or folder.parent == folder:
            return
        folder = folder.parent


def _kind_of(name: str) -> LockKind | None:
    if name in _NAMES:
        return _NAMES[name]
    if _REQUIREMENTS.fullmatch(name):
        return "requirements"
    if name.endswith((".conda-lock.yml", ".conda-lock.yaml")):
        return "conda"
    return "pylock" if re.fullmatch(r"pylock\.[^.]+\.toml", name) else None


def _pipfile_pins(text: str) -> Iterator[tuple[str, str]]:
    try:
        data: Any = json.loads(text)
        for section in ("default", "develop"):
            for name, row in data.get(section, {}).items():
                version = row.get("version", "")
                if version.startswith("=="):
                    yield name, version.removeprefix("==")
    except (ValueError, AttributeError):
        return

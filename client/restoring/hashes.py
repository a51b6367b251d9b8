"""The hashes that lock files give for distributions, whatever wrote them.

With them the exact versions that were installed are fetched again to the byte, and no
poetry or pdm is needed for it.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..capture.distributions import normalized
from ..wire import LockFile

Hashes = dict[tuple[str, str], set[str]]
"""By normalized name and version: `sha256:HEX` of each file of the distribution."""

_HASH = re.compile(r"sha(?:256|384|512):[0-9a-f]{64,128}")


def read_hashes(lock: LockFile, content: bytes) -> Hashes:
    """Return the hashes in a lock file; none of what it cannot read."""
    reader = _READERS.get(lock.kind)
    if reader is None:
        return {}
    found: Hashes = {}
    try:
        for name, version, hash_ in reader(content.decode(errors="replace")):
            if _HASH.fullmatch(hash_):
                found.setdefault((normalized(name), version), set()).add(hash_)
    except (ValueError, KeyError, TypeError, AttributeError):
        # Damaged, or of a version that is written otherwise: then there are no hashes.
        return found
    return found


def _of_uv(text: str) -> Iterator[tuple[str, str, str]]:
    for package in tomllib.loads(text).get("package", []):
        files = [*package.get("wheels", [])]
        if isinstance(package.get("sdist"), dict):
            files.append(package["sdist"])
        for file in files:
            yield package["name"], package.get("version", ""), file.get("hash", "")


def _of_poetry(text: str) -> Iterator[tuple[str, str, str]]:
    """Of poetry, and of pdm, which took the form over."""
    data = tomllib.loads(text)
    older: Mapping[str, Any] = data.get("metadata", {}).get("files", {})
    for package in data.get("package", []):
        name = package["name"]
        for file in package.get("files") or older.get(name, []):
            yield name, package["version"], file.get("hash", "")


def _of_pylock(text: str) -> Iterator[tuple[str, str, str]]:
    for package in tomllib.loads(text).get("packages", []):
        files = [*package.get("wheels", [])]
        files += [package[kind] for kind in ("sdist", "archive") if kind in package]
        for file in files:
            for kind, digest in file.get("hashes", {}).items():
                yield package["name"], package.get("version", ""), f"{kind}:{digest}"


def _of_pipfile(text: str) -> Iterator[tuple[str, str, str]]:
    data = json.loads(text)
    for section in ("default", "develop"):
        for name, row in data.get(section, {}).items():
            version = row.get("version", "").removeprefix("==")
            for hash_ in row.get("hashes", []):
                yield name, version, hash_


def _of_requirements(text: str) -> Iterator[tuple[str, str, str]]:
    for line in text.replace("\\\n", " ").splitlines():
        found = re.match(
            r"([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;]+)", line
        )
        if found is None:
            continue
        for hash_ in re.findall(r"--hash[= ](\S+)", line):
            yield found[1], found[2], hash_


_READERS: Mapping[str, Callable[[str], Iterator[tuple[str, str, str]]]] = {
    "uv": _of_uv,
    "poetry": _of_poetry,
    "pdm": _of_poetry,
    "pylock": _of_pylock,
    "pipfile": _of_pipfile,
    "requirements": _of_requirements,
}

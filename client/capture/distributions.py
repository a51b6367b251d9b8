"""Which distributions are installed in the folders of a `sys.path`, and where they came from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, cast

from ..wire import Distribution
from .secrets import mask_url

_HEADER_BYTES = 4096
"""Name and version stand in the first lines of METADATA."""
DISTRIBUTIONS_MAX = 5000


def read_distributions(path: Iterable[str]) -> list[Distribution]:
    """Return what is installed in the folders of `path`, by name.

    Of several of one name the first is the one that is imported.
    """
    found: dict[str, Distribution] = {}
    for folder in path:
        for each in _read_folder(folder):
            found.setdefault(each.name, each)
            if len(found) >= DISTRIBUTIONS_MAX:
                break
    return [found[name] for name in sorted(found)]


def normalized(name: str) -> str:
    """Return the name of a distribution in the one form that indexes compare."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _read_folder(folder: str) -> Iterator[Distribution]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 (a tenth of the time)
    except OSError:
        return
    for name in names:
        if name.endswith(".dist-info"):
            each = _of_dist_info(Path(folder) / name)
        elif name.endswith(".egg-info"):
            each = _of_egg_info(Path(folder) / name)
        elif name.endswith(".egg-link"):
            each = _of_egg_link(Path(folder) / name)
        else:
            continue
        if each is not None:
            yield each


def _of_dist_info(folder: Path) -> Distribution | None:
    name, _, version = folder.name.removesuffix(".dist-info").partition("-")
    if not name or not version:
        return None
    url, is_editable = _read_direct_url(folder / "direct_url.json")
    if "_" in version:  # as a file name has it, which a version may not be
        version = _header(folder / "METADATA").get("version", version)
    return Distribution(
        name=normalized(name), version=version, url=url, is_editable=is_editable
    )


def _of_egg_info(path: Path) -> Distribution | None:
    header = _header(path / "PKG-INFO" if path.is_dir() else path)
    name, version = header.get("name"), header.get("version")
    if not name or not version:
        return None
    return Distribution(name=normalized(name), version=version)


def _of_egg_link(path: Path) -> Distribution | None:
    try:
        target = path.read_text(errors="replace").splitlines()[0].strip()
        infos = sorted(Path(target).glob("*.egg-info"))
    except (OSError, IndexError):
        return None
    each = _of_egg_info(infos[0]) if infos else None
    name = each.name if each else normalized(path.name.removesuffix(".egg-link"))
    version = each.version if each else "0"
    return Distribution(
        name=name, version=version, url=f"file://{target}", is_editable=True
    )


def _read_direct_url(path: Path) -> tuple[str | None, bool]:
    """Return where a distribution came from, if not from an index, and if it is editable."""
    try:
        data: object = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None, False
    fields = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    if not isinstance(fields.get("url"), str):
        return None, False
    url = mask_url(fields["url"])
    is_editable = False
    match fields:
        case {"vcs_info": {"vcs": str(vcs), "commit_id": str(commit)}}:
            url = f"{vcs}+{url}@{commit}"
        case {"archive_info": {"hashes": {"sha256": str(digest)}}}:
            url = f"{url}#sha256={digest}"
        case {"archive_info": {"hash": str(digest)}} if digest.startswith("sha256="):
            url = f"{url}#{digest}"
        case {"dir_info": {"editable": True}}:
            is_editable = True
        case _:
            pass
    subfolder = fields.get("subdirectory")
    if isinstance(subfolder, str) and subfolder:
        url += f"{'&' if '#' in url else '#'}subdirectory={subfolder}"
    return url, is_editable


def _header(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            text = file.read(_HEADER_BYTES).decode(errors="replace")
    except OSError:
        return {}
    lines = text.partition("\n\n")[0].splitlines()
    pairs = (line.partition(":") for line in lines if not line.startswith((" ", "\t")))
    found: dict[str, str] = {}
    for name, _, value in pairs:
        found.setdefault(name.strip().lower(), value.strip())
    return found


def read_conda(prefix: Path) -> list[Distribution]:
    """Return the packages of a conda environment, with their builds as `VERSION=BUILD`."""
    found: list[Distribution] = []
    for path in sorted((prefix / "conda-meta").glob("*.json"))[:DISTRIBUTIONS_MAX]:
        words = path.stem.rsplit("-", 2)
        if len(words) == 3:
            name, version, build = words
            row = Distribution(
                name=name, version=f"{version}={build}", url=_conda_url(path)
            )
            found.append(row)
    return found


_CONDA_TAIL_BYTES = 8192
"""conda writes its keys sorted: `url` stands at the end, after thousands of files."""


def _conda_url(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _CONDA_TAIL_BYTES))
            tail = file.read().decode(errors="replace")
    except OSError:
        return None
    found = re.findall(r'"url": *"([^"]+)"', tail)
    return mask_url(found[-1]) if found else None

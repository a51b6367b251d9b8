"""What is to be installed so that an environment is again what it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from ..capture.locks import BOOTSTRAP
from ..wire import Distribution, Environment
from .errors import RestoreError
from .hashes import Hashes

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_URL = re.compile(r"(?:git|hg|svn|bzr)?\+?(?:https?|ssh|file)://[^\s;]+")


@dataclass(slots=True)
class Requirements:
    """What to install, in three steps."""

    hashed: list[str] = field(default_factory=list[str])
    """From an index, each with the hashes that a lock file gave."""
    versions: list[str] = field(default_factory=list[str])
    """From an index or a URL, without hashes."""
    folders: list[tuple[str, Path, bool]] = field(
        default_factory=list[tuple[str, Path, bool]]
    )
    """Name, folder, and whether it is used where it lies."""
    unlocked: list[str] = field(default_factory=list[str])
    """Names of those that no lock file has a hash for."""


def plan_requirements(
    environment: Environment, hashes: Hashes, moved: Mapping[str, Path]
) -> Requirements:
    """Return what makes the distributions of `environment` again.

    Args:
        hashes: of all its lock files.
        moved: folders as they were recorded, and where they are now.

    Raises:
        RestoreError: the record has what is no distribution, or a folder is not here.
    """
    plan = Requirements()
    from_conda = {each.name for each in environment.conda}
    for each in environment.distributions:
        if (
            _NAME.fullmatch(each.name) is None
            or _VERSION.fullmatch(each.version) is None
        ):
            raise RestoreError(
                f"the recorded environment has '{each.name} {each.version}', which is no "
                "distribution: the record is damaged"
            )
        if each.name in from_conda:
            continue
        known = hashes.get((each.name, each.version), set())
        if each.url is not None:
            _add_url(plan, each, moved)
        elif known:
            lines = " ".join(f"--hash={hash_}" for hash_ in sorted(known))
            plan.hashed.append(f"{each.name}=={each.version} {lines}")
        elif each.name not in BOOTSTRAP:
            # A new environment brings its own pip, and no lock file names it.
            plan.versions.append(f"{each.name}=={each.version}")
            plan.unlocked.append(each.name)
    return plan


def _add_url(plan: Requirements, each: Distribution, moved: Mapping[str, Path]) -> None:
    url = each.url or ""
    if _URL.fullmatch(url) is None:
        raise RestoreError(
            f"the recorded environment has '{each.name}' from '{url}', which is no URL: "
            "the record is damaged"
        )
    if not url.startswith("file://"):
        plan.versions.append(f"{each.name} @ {url}")
        if "sha256=" not in url and not re.search(
            r"@[0-9a-f]{40}(?:[0-9a-f]{24})?(?:#|$)", url
        ):
            plan.unlocked.append(each.name)
        return
    recorded = unquote(re.sub(r"[#?].*", "", url.removeprefix("file://")))
    path = relocate(recorded, moved)
    if not path.exists():
        raise RestoreError(
            f"'{each.name}' was installed from '{recorded}', which is not here: put it "
            "there, or run in the current environment"
        )
    plan.folders.append((each.name, path, each.is_editable))
    if path == Path(recorded):
        plan.unlocked.append(each.name)  # as it is now, which need not be as it was


def relocate(path: str, moved: Mapping[str, Path]) -> Path:
    """Return where `path`, as it was recorded, is now."""
    for before, now in moved.items():
        if Path(path).is_relative_to(before):
            return now / Path(path).relative_to(before)
    return Path(path)

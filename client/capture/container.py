"""Whether this is a container, and of which image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IMAGE_VARIABLES = (
    *("LAKEBED_IMAGE", "IMAGE_DIGEST", "CONTAINER_IMAGE_DIGEST", "DOCKER_IMAGE_DIGEST"),
    *(
        "CONTAINER_IMAGE",
        "DOCKER_IMAGE",
        "SINGULARITY_CONTAINER",
        "APPTAINER_CONTAINER",
    ),
)
"""Where those who start containers write the image; ours first."""
_DIGEST = re.compile(r"(?:[\w./:-]+@)?sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Container:
    """What could be told of a container."""

    kind: str | None
    image: str | None
    """With its digest, or the digest alone: a tag may move."""


def find_container(environ: Mapping[str, str], *, root: Path = Path("/")) -> Container:
    """Return what files below `root` and `environ` tell of a container."""
    podman = _read(root / "run" / ".containerenv")
    return Container(_kind(environ, root, podman), _image(environ, podman))


def _kind(environ: Mapping[str, str], root: Path, podman: str | None) -> str | None:
    groups = (_read(root / "proc/1/cgroup") or "") + (
        _read(root / "proc/self/cgroup") or ""
    )
    if environ.get("KUBERNETES_SERVICE_HOST") or "/kubepods" in groups:
        return "kubernetes"
    if podman is not None or "/libpod-" in groups:
        return "podman"
    if (root / ".dockerenv").exists() or re.search(r"/docker[-/]", groups):
        return "docker"
    if environ.get("APPTAINER_CONTAINER") or environ.get("SINGULARITY_CONTAINER"):
        return "apptainer"
    if re.search(r"/lxc[./]", groups):
        return "lxc"
    named = environ.get("container") or _read(root / "run/systemd/container")
    if named:
        return named.strip()
    return "containerd" if "/containerd" in groups else None


def _image(environ: Mapping[str, str], podman: str | None) -> str | None:
    for name in _IMAGE_VARIABLES:
        found = _DIGEST.search(environ.get(name, ""))
        if found is not None:
            return found[0]
    found = re.search(r'^imageid="?([0-9a-f]{64})"?$', podman or "", re.MULTILINE)
    return f"sha256:{found[1]}" if found is not None else None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return None

"""The parts of a run that a recorder fills, as they are read.

They travel as JSON objects (`runs.py`), and more fields may be in them than are here.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from .body import Body
from .interactive import find_interactive

PARTS = ("code", "configuration", "environment", "hardware", "seeds")
"""Their names, in the order of the record."""
MASK = "***"
"""What stands where a secret was."""
REFUSED_NAME = "its name says that it holds secrets"
REFUSED_CONTENT = "there is what looks like a secret in it"
REFUSALS = (REFUSED_NAME, REFUSED_CONTENT)
"""Why a file was not kept that nobody should be told to commit."""


class LeftOut(Body, frozen=True, kw_only=True):
    """A file beside the commit that was not kept."""

    path: str
    size_bytes: int
    reason: str

    @property
    def is_secret(self) -> bool:
        """Whether it was left out for a secret in it."""
        return self.reason in REFUSALS


class Submodule(Body, frozen=True, kw_only=True):
    """A Git submodule as it was checked out."""

    path: str
    commit: str
    remote: str | None = None
    is_dirty: bool = False


class EntryFile(Body, frozen=True, kw_only=True):
    """The file that the command runs, as it was."""

    path: str
    """Relative to the root of the work tree if it lies in it, else absolute."""
    sha256: str
    size_bytes: int
    file: str | None = None
    """Name of the kept file, of code that is not in Git."""


class Code(Body, frozen=True, kw_only=True):
    """The code of a run."""

    kind: Literal["git", "none"]
    argv: list[str]
    """The command, secrets masked."""
    directory: str
    """Where it ran: relative to the root of the work tree, else absolute."""
    root: str = ""
    """Absolute path of the work tree, as it was; of code that is not in Git, that of the
    folder which holds it."""
    remote: str | None = None
    """Where it can be fetched from, without credentials."""
    commit: str | None = None
    """None: the work tree has no commit yet."""
    branch: str | None = None
    """None: a detached head."""
    tree: str | None = None
    """Git's hash of the tree of the commit."""
    is_pushed: bool | None = None
    """Whether a remote-tracking branch holds the commit; None: there is no remote."""
    bundle: str | None = None
    """Name of the kept file with what no remote has: a Git bundle of the commits, to add to
    a clone, or a pack of this commit alone (ending in `.pack`), which needs none."""
    is_dirty: bool = False
    """Whether files are not as in the commit; `submodules` have their own."""
    diff: str | None = None
    """Name of the kept file that has the binary-safe diff of tracked files."""
    untracked: str | None = None
    """Name of the kept tar file of files to put beside the commit: untracked, unignored
    ones; changed ones that Git does not tell of; of code that is not in Git, the modules
    that the entry file imports."""
    is_sparse: bool = False
    """Whether some files of the commit were left out of the work tree."""
    untracked_left_out: list[LeftOut] = msgspec.field(default_factory=list[LeftOut])
    submodules: list[Submodule] = msgspec.field(default_factory=list[Submodule])
    entry: EntryFile | None = None
    notebook: str | None = None
    """Name of the kept file that has the cells of a notebook as they ran."""

    @property
    def masked_argument(self) -> str | None:
        """An argument in which something was masked: the command cannot be run from it."""
        return next((word for word in self.argv if MASK in word), None)

    @property
    def interactive(self) -> str:
        """What the command starts that waits for somebody to type; empty: nothing."""
        return find_interactive(self.argv)


class Distribution(Body, frozen=True, kw_only=True):
    """An installed Python distribution."""

    name: str
    version: str
    url: str | None = None
    """Its direct URL, if it was not installed from an index; without credentials."""
    is_editable: bool = False
    """Whether it is the folder that the URL names, not a copy."""


class LockFile(Body, frozen=True, kw_only=True):
    """A file that pins the environment, kept by content."""

    path: str
    kind: Literal["uv", "poetry", "requirements", "conda", "pdm", "pipfile", "pylock"]
    file: str
    """Name of the kept file."""
    sha256: str


class Environment(Body, frozen=True, kw_only=True):
    """What the command ran in."""

    python: str
    """Version; empty if it was no Python."""
    implementation: str = ""
    executable: str = ""
    prefix: str = ""
    manager: str = ""
    """`venv`, `uv`, `poetry`, `conda`, `system`."""
    locks: list[LockFile] = msgspec.field(default_factory=list[LockFile])
    distributions: list[Distribution] = msgspec.field(
        default_factory=list[Distribution]
    )
    conda: list[Distribution] = msgspec.field(default_factory=list[Distribution])
    container: str | None = None
    """`docker`, `podman`, `kubernetes` ...; None: no container."""
    image: str | None = None
    """Digest of the image, if the container says it."""
    os: str = ""
    kernel: str = ""
    libc: str = ""
    variables: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Those on the list of what may be recorded."""


class Gpu(Body, frozen=True, kw_only=True):
    """A graphics processor."""

    name: str
    driver: str = ""
    cuda: str = ""
    memory_bytes: int = 0


class Hardware(Body, frozen=True, kw_only=True):
    """The machine."""

    machine: str
    cpu: str = ""
    cores: int = 0
    memory_bytes: int = 0
    gpus: list[Gpu] = msgspec.field(default_factory=list[Gpu])


class Seeds(Body, frozen=True, kw_only=True):
    """What was set before the work began."""

    seed: int | None = None
    set: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    """By library: `python`, `numpy`, `torch`, `tensorflow`."""
    pythonhashseed: str | None = None
    deterministic: dict[str, bool] = msgspec.field(default_factory=dict[str, bool])
    """Flags that ask a library for reproducible work."""


class ConfigFile(Body, frozen=True, kw_only=True):
    """A configuration file, kept by content."""

    path: str
    file: str
    """Name of the kept file."""
    sha256: str
    """Of the kept file."""
    is_masked: bool = False
    """Whether secrets in it were masked, so that it is not what the command read."""


class Configuration(Body, frozen=True, kw_only=True):
    """What the command was told, beside its arguments."""

    files: list[ConfigFile] = msgspec.field(default_factory=list[ConfigFile])
    options: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])
    """Of `lakebed run` itself."""

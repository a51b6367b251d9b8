"""Bodies of `/models`: models, their versions, the aliases that move over them."""

from __future__ import annotations

import msgspec

from .body import Body, RequestBody
from .runs import ArtifactKind, Grade


class AliasRule(RequestBody, frozen=True, kw_only=True):
    """What must be true of a version before an alias may move to it."""

    alias: str
    needs_approval: bool = False
    """By somebody else than who registered the version and who moves the alias."""
    checks: list[str] = msgspec.field(default_factory=list[str])
    """Names of checks that must have passed."""


class Model(Body, frozen=True, kw_only=True):
    """A model: versions under one name."""

    name: str
    description: str
    user: str
    """Who registered the first version."""
    created_ms: int
    latest: int
    """Number of the newest version; 0: all were deleted."""
    aliases: dict[str, int]
    rules: list[AliasRule]


class ModelUpdate(RequestBody, frozen=True, kw_only=True):
    """Changes what is said of a model."""

    description: str


class ModelRegistration(RequestBody, frozen=True, kw_only=True):
    """Makes a version of an output of a sealed run."""

    run: str
    """Its id, or the unique beginning of it."""
    path: str | None = None
    """Which output, where there are several: its path, or a prefix of outputs."""
    description: str = ""
    metadata: dict[str, str] = msgspec.field(default_factory=dict[str, str])


class Check(Body, frozen=True, kw_only=True):
    """A check of a version: a run that judged it."""

    name: str
    run: str
    has_passed: bool
    """Whether the run succeeded."""
    user: str
    at_ms: int


class CheckCreation(RequestBody, frozen=True, kw_only=True):
    """Records a sealed run that judged a version: it must have read its files."""

    name: str
    run: str


class Approval(Body, frozen=True, kw_only=True):
    """Somebody's yes to a version for an alias."""

    alias: str
    user: str
    comment: str
    at_ms: int


class ApprovalCreation(RequestBody, frozen=True, kw_only=True):
    """Approves a version for an alias."""

    alias: str
    comment: str = ""


class ModelVersion(Body, frozen=True, kw_only=True):
    """A version: an output of a sealed run, which never changes."""

    name: str
    version: int
    description: str
    metadata: dict[str, str]
    run: str
    record: str
    """Id of the run's record."""
    grade: Grade | None
    repository: str
    commit: str
    path: str
    kind: ArtifactKind
    identity: str
    files: int
    size_bytes: int
    user: str
    created_ms: int
    aliases: list[str]
    checks: list[Check]
    approvals: list[Approval]
    address: str
    """Where its files are read: `lakebed://models/NAME@VERSION/`."""


class AliasMove(RequestBody, frozen=True, kw_only=True):
    """Moves an alias to a version."""

    version: int
    reason: str = ""


class AliasRollback(RequestBody, frozen=True, kw_only=True):
    """Moves an alias back to the version that it was at before."""

    reason: str = ""


class AliasLogEntry(Body, frozen=True, kw_only=True):
    """One move of an alias."""

    sequence: int
    alias: str
    action: str
    """`promote`, `rollback` or `delete`."""
    old: int | None
    new: int | None
    user: str
    reason: str
    at_ms: int


class Alias(Body, frozen=True, kw_only=True):
    """A name that moves over the versions of a model."""

    model: str
    alias: str
    version: int
    user: str
    """Who moved it last."""
    reason: str
    at_ms: int


class AliasRules(RequestBody, frozen=True, kw_only=True):
    """The rules of all aliases of a model, in place of those before."""

    rules: list[AliasRule]

"""Bodies of `/repositories`."""

from __future__ import annotations

from .body import Body, RequestBody


class Repository(Body, frozen=True, kw_only=True):
    """A repository."""

    id: str
    """Its name."""
    creation_date: int
    default_branch: str
    storage_namespace: str
    read_only: bool
    storage_id: str | None = None


class RepositoryCreation(RequestBody, frozen=True, kw_only=True):
    """What a new repository shall be."""

    name: str
    storage_namespace: str | None = None
    """A label; we place no bytes by it. None lets the server choose."""
    default_branch: str | None = None
    """None: `main`."""
    sample_data: bool = False
    read_only: bool = False
    storage_id: str | None = None


class MetadataSet(RequestBody, frozen=True, kw_only=True):
    """Keys of a repository's metadata to set."""

    metadata: dict[str, str]


class MetadataKeys(RequestBody, frozen=True, kw_only=True):
    """Keys of a repository's metadata to remove."""

    keys: list[str]


class ProtectionRule(RequestBody, frozen=True, kw_only=True):
    """Which branches change only by merges."""

    pattern: str
    """A glob: `*` stands for any characters, `?` for one."""


class RetentionRule(RequestBody, frozen=True, kw_only=True):
    """How long the data of a branch is kept that it no longer shows."""

    branch_id: str
    retention_days: int


class RetentionRules(RequestBody, frozen=True, kw_only=True):
    """How long data is kept that no branch shows any more."""

    default_retention_days: int
    branches: list[RetentionRule]

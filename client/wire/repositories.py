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

"""Bodies of `/why` and `/lineage`: what something came from, and what came of it."""

from __future__ import annotations

from typing import Literal

import msgspec

from .body import Body
from .runs import Run, RunOutput

Direction = Literal["up", "down"]


class Why(Body, frozen=True, kw_only=True):
    """What produced something."""

    subject: str
    """As it was asked."""
    run: Run | None
    """None: it is of a repository that the caller may not read, and made the version."""
    model: str | None = None
    version: int | None = None
    aliases: list[str] = msgspec.field(default_factory=list[str])
    output: RunOutput | None = None
    """What of the run it was asked for."""
    others: list[str] = msgspec.field(default_factory=list[str])
    """Other runs that produced the same bytes, newest first, up to 10."""


class LineageNode(Body, frozen=True, kw_only=True):
    """A run, a file or prefix, or a version of a model."""

    id: str
    """`run:ID`, `model:NAME@VERSION`, `file:IDENTITY@REPO/PATH` or `prefix:...`; without an
    address: a content that was asked for by its id, or that lies at none."""
    kind: Literal["run", "file", "prefix", "model"]
    label: str
    repository: str | None = None
    path: str | None = None
    commit: str | None = None
    """One that has the content at the path."""
    depth: int = 0
    same_as: str | None = None
    """Id of the first node with the same content, at another address."""
    rerun_of: str | None = None
    """Of a run: the run that it did again."""
    is_published: bool = True
    """False: a re-run wrote it, and it can be read at its commit alone."""


class LineageEdge(Body, frozen=True, kw_only=True):
    """From what was read to what came of it."""

    source: str
    target: str
    how: Literal["declared", "observed", "within", "registered", "same"]
    """`within`: the source lies below the target, or the target below the source. `same`: both
    have the same content; no run is known to have made one of the other."""
    commit: str | None = None
    """Of what a run read or wrote: the commit that it recorded."""


class Lineage(Body, frozen=True, kw_only=True):
    """What something came from, or what came of it."""

    subject: str
    direction: Direction
    nodes: list[LineageNode]
    edges: list[LineageEdge]
    is_complete: bool
    """False: there is more than was asked for (`amount`, `depth`)."""
    is_origin_hidden: bool = False
    """Whether a version in it was made by a run of a repository that the caller may not
    read: what it came from is left out."""

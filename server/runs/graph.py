"""Lineage: what the graph of runs and artifacts is made of, and how it is asked.

An *artifact* is an object, or all below a prefix, with one content. Runs read artifacts
and write them at addresses; contents are found by what they are, wherever they lie: so a
file that a run wrote and another one read, from a copy in another repository, joins the
two.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct


class Artifact(Struct, frozen=True, gc=False):
    """An object or prefix with one content, at one of the places where it lies."""

    repository: str
    """Its name; empty: the repository was deleted."""
    path: bytes
    is_prefix: bool
    identity: bytes
    """Blob id of an object, content id of what lies below a prefix."""


class RunTag(Struct, frozen=True, gc=False):
    """A run, as much of it as names it."""

    id: int
    name: str
    """32 hex digits."""
    repository: str
    experiment: str
    command: str
    rerun_of: str | None = None
    """Name of the run that it did again."""


class Use(Struct, frozen=True, gc=False):
    """That a run read an artifact, or wrote it."""

    run: RunTag
    artifact: Artifact
    commit_id: bytes
    is_observed: bool


class Tree(Struct, frozen=True, gc=False):
    """A prefix that was an input, at a commit that has it."""

    artifact: Artifact
    commit_id: bytes


class VersionTag(Struct, frozen=True, gc=False):
    """A version of a model."""

    model: str
    number: int
    run_id: int
    artifact: Artifact


class GraphReader(Protocol):
    """Steps from a node of the graph to its neighbours, newest runs first.

    Each answers at most `limit`; the sequences that it is given are not empty.
    """

    async def find_producers(self, identity: bytes, *, limit: int) -> list[Use]:
        """Return the uses in which a run wrote the content `identity`.

        Runs that did another one again are left out: they wrote what was there.
        """
        ...

    async def find_consumers(self, identity: bytes, *, limit: int) -> list[Use]:
        """Return the uses in which a run read the content `identity`."""
        ...

    async def find_inputs(self, run_id: int, *, limit: int) -> list[Use]:
        """Return what a run read."""
        ...

    async def find_outputs(self, run_id: int, *, limit: int) -> list[Use]:
        """Return what a run wrote."""
        ...

    async def find_readers(
        self, artifact: Artifact, run_ids: Sequence[int]
    ) -> set[int]:
        """Return which of these runs read `artifact`, at its address."""
        ...

    async def find_trees_of(
        self, run_ids: Sequence[int], repository: str, prefixes: Sequence[bytes]
    ) -> dict[bytes, set[int]]:
        """Return the commits at which these runs read all below one of `prefixes`.

        With each commit those that read there.
        """
        ...

    async def find_places(self, identity: bytes, *, limit: int) -> list[Artifact]:
        """Return the places where the content `identity` was read or written."""
        ...

    async def find_trees(
        self, repository: str, prefixes: Sequence[bytes], *, limit: int
    ) -> list[Tree]:
        """Return the inputs that were all below one of `prefixes`, one a content."""
        ...

    async def find_written_below(
        self, repository: str, prefix: bytes, *, limit: int
    ) -> list[bytes]:
        """Return the paths below `prefix` that runs wrote, in order."""
        ...

    async def find_version_tags(
        self, identity: bytes, *, limit: int
    ) -> list[VersionTag]:
        """Return the versions of models that are the content `identity`."""
        ...

    async def get_run_tag(self, run_id: int) -> RunTag | None:
        """Return a run by its row."""
        ...

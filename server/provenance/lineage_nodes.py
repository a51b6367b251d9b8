"""What a lineage is made of: runs, versions of models, and contents at addresses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ..refs.names import MODELS
from ..repository.paths import show_path
from ..runs.graph import Artifact, RunTag, VersionTag

_ID_DIGITS = 12
"""Of a content that was asked for by its id alone: as many as people are shown."""

NodeKind = Literal["run", "file", "prefix", "model"]
EdgeHow = Literal["declared", "observed", "within", "registered", "same"]


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the answer."""

    id: str
    kind: NodeKind
    label: str
    depth: int
    repository: str = ""
    path: bytes = b""
    commit_id: bytes = b""
    same_as: str | None = None
    """The first node of this walk with the same content, at another address."""
    rerun_of: str | None = None
    """Of a run: the name of the run that it did again."""
    is_published: bool = True
    """False: what a re-run wrote, which is at its commit alone."""


@dataclass(frozen=True, slots=True)
class Edge:
    """From what was there before to what came of it."""

    source: str
    target: str
    how: EdgeHow
    commit_id: bytes = b""
    """Of what a run read or wrote: the commit that it recorded."""


@dataclass(slots=True)
class Graph:
    """What a walk came to."""

    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    edges: dict[Edge, None] = field(default_factory=dict[Edge, None])
    is_complete: bool = True
    is_origin_hidden: bool = False
    """Whether the run of a version was left out."""


@dataclass(frozen=True, slots=True)
class Content:
    """An artifact, at a place and commit where the walk met it."""

    artifact: Artifact
    commit_id: bytes = b""
    is_published: bool = True
    """False: what a re-run wrote; it has no address that others see."""

    @property
    def id(self) -> str:
        """Id of its node."""
        return artifact_id(self.artifact, has_address=self.is_published)


Stop = Content | RunTag | VersionTag


def artifact_id(artifact: Artifact, *, has_address: bool = True) -> str:
    """Return the id of the node that an artifact is, at its address or at none."""
    kind = "prefix" if artifact.is_prefix else "file"
    content = f"{kind}:{artifact.identity.hex()}"
    if not has_address or not (artifact.repository or artifact.path):
        return content
    return f"{content}@{artifact.repository}/{show_path(artifact.path)}"


def run_node_id(run: RunTag) -> str:
    """Return the id of the node that a run is."""
    return f"run:{run.name}"


def version_node_id(version: VersionTag) -> str:
    """Return the id of the node that a version of a model is."""
    return f"model:{version.model}@{version.number}"


def node_id(stop: Stop) -> str:
    """Return the id of the node that a stop of the walk is."""
    match stop:
        case RunTag():
            return run_node_id(stop)
        case VersionTag():
            return version_node_id(stop)
        case Content():
            return stop.id


def node_of(stop: Stop, depth: int) -> Node:
    """Return the node that a stop of the walk is, `depth` steps from its start."""
    match stop:
        case RunTag():
            label = stop.experiment or stop.command
            return Node(
                run_node_id(stop),
                "run",
                label,
                depth,
                stop.repository,
                rerun_of=stop.rerun_of,
            )
        case VersionTag():
            return Node(
                version_node_id(stop),
                "model",
                f"{stop.model}@{stop.number}",
                depth,
                MODELS,
            )
        case Content():
            artifact = stop.artifact
            label = f"{artifact.repository}/{show_path(artifact.path)}"
            return Node(
                stop.id,
                "prefix" if artifact.is_prefix else "file",
                label if label != "/" else artifact.identity.hex()[:_ID_DIGITS],
                depth,
                artifact.repository,
                artifact.path,
                stop.commit_id,
                is_published=stop.is_published,
            )

"""Lineage: from something to all that it came from, or to all that came of it.

A walk over the graph of runs and artifacts, breadth first, so that what is cut off at the
limits is the farthest. Contents are nodes: `file:IDENTITY`, wherever a file lies. Beside
the edges that runs recorded there are two that follow from where things lie:

- who read all below a prefix read each file there: going down from a file, the trees that
  were inputs at a prefix of its path are asked whether they hold it;
- what was read below a prefix may have been written file by file: going up from a prefix,
  the paths below it that runs wrote are looked up in the tree that was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from ..errors import LakeError
from ..ids import CommitId
from ..refs.names import MODELS
from ..repository.contracts import Snapshot
from ..repository.engine import Engine
from ..repository.paths import show_path
from ..repository.resolving import get_repository
from ..runs.graph import Artifact, RunTag, Use, VersionTag
from ..tree.entry import unpack_entry
from ..tree.lookup import find

NEIGHBOURS_MAX = 1000
"""Neighbours of one node that are looked at: what else there is does not fit anyway."""
TREES_MAX = 2000
"""Trees that are asked whether they hold a file: 50 µs each from the cache."""

NodeKind = Literal["run", "file", "prefix", "model"]
EdgeHow = Literal["declared", "observed", "within", "registered"]
IsShown = Callable[[str, str | None], bool]
"""Whether the caller may see what lies in a repository, by its name; the other is the
name of a model, in the repository of models."""


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


@dataclass(frozen=True, slots=True)
class Edge:
    """From what was there before to what came of it."""

    source: str
    target: str
    how: EdgeHow


@dataclass(slots=True)
class Graph:
    """What a walk came to."""

    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    edges: dict[Edge, None] = field(default_factory=dict[Edge, None])
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class _Content:
    """An artifact, at a place and commit where the walk met it."""

    artifact: Artifact
    commit_id: bytes = b""

    @property
    def id(self) -> str:
        return artifact_id(self.artifact)


_Stop = _Content | RunTag | VersionTag


def artifact_id(artifact: Artifact) -> str:
    """Return the id of the node that an artifact is."""
    return f"{'prefix' if artifact.is_prefix else 'file'}:{artifact.identity.hex()}"


def run_node_id(run: RunTag) -> str:
    """Return the id of the node that a run is."""
    return f"run:{run.name}"


def version_node_id(version: VersionTag) -> str:
    """Return the id of the node that a version of a model is."""
    return f"model:{version.model}@{version.number}"


async def trace(
    engine: Engine,
    start: list[Artifact | RunTag | VersionTag],
    *,
    is_up: bool,
    depth_max: int,
    nodes_max: int,
    is_shown: IsShown,
    commit_id: bytes = b"",
) -> Graph:
    """Return what lies up or down from `start`.

    Args:
        engine: where.
        start: what is asked about.
        is_up: to what it came from; else to what came of it.
        depth_max: how many steps from it; a run and what it read are one step apart.
        nodes_max: the most nodes.
        is_shown: nodes of other repositories are left out, and the walk ends there.
        commit_id: a commit that has the artifacts of `start`, if one is known.
    """

    async def action(snapshot: Snapshot) -> Graph:
        walk = _Walk(engine, snapshot, is_up, depth_max, nodes_max, is_shown)
        return await walk.run(
            [
                _Content(each, commit_id) if isinstance(each, Artifact) else each
                for each in start
            ]
        )

    return await engine.metadata.snapshot(action)


class _Walk:
    """One walk, on one state of the database."""

    def __init__(
        self,
        engine: Engine,
        reader: Snapshot,
        is_up: bool,
        depth_max: int,
        nodes_max: int,
        is_shown: IsShown,
    ) -> None:
        self._engine = engine
        self._reader = reader
        self._is_up = is_up
        self._depth_max = depth_max
        self._nodes_max = nodes_max
        self._is_shown = is_shown
        self._graph = Graph()
        self._queue: deque[tuple[_Stop, int]] = deque()

    async def run(self, start: list[_Stop]) -> Graph:
        for stop in start:
            self._meet(stop, 0)
        while self._queue:
            if len(self._graph.nodes) >= self._nodes_max:
                # What is left to leave could only add to what is shown already.
                self._graph.is_complete = False
                break
            stop, depth = self._queue.popleft()
            match stop:
                case RunTag():
                    await self._leave_run(stop, depth)
                case VersionTag():
                    await self._leave_version(stop, depth)
                case _Content():
                    await self._leave_content(stop, depth)
        return self._graph

    # Each node once, in the order in which they are met ------------------------------

    def _meet(self, stop: _Stop, depth: int) -> str | None:
        """Take a node into the answer; return its id, or None if it is left out."""
        node = _node_of(stop, depth)
        if node.id in self._graph.nodes:
            return node.id
        model = stop.model if isinstance(stop, VersionTag) else None
        if node.repository and not self._is_shown(node.repository, model):
            return None
        if len(self._graph.nodes) >= self._nodes_max:
            self._graph.is_complete = False
            return None
        self._graph.nodes[node.id] = node
        self._queue.append((stop, depth))
        return node.id

    def _step(self, here: str, stop: _Stop, depth: int, how: EdgeHow) -> None:
        is_new = _node_of(stop, depth).id not in self._graph.nodes
        if is_new and depth > self._depth_max:
            self._graph.is_complete = False
            return
        there = self._meet(stop, depth)
        if there is None or there == here:
            return
        source, target = (there, here) if self._is_up else (here, there)
        self._graph.edges[Edge(source, target, how)] = None

    def _cut(self, found: int) -> None:
        if found >= NEIGHBOURS_MAX:
            self._graph.is_complete = False

    # From each kind of node ----------------------------------------------------------

    async def _leave_run(self, run: RunTag, depth: int) -> None:
        here = run_node_id(run)
        if self._is_up:
            uses = await self._reader.find_inputs(run.id, limit=NEIGHBOURS_MAX)
        else:
            uses = await self._reader.find_outputs(run.id, limit=NEIGHBOURS_MAX)
        self._cut(len(uses))
        for use in uses:
            content = _Content(use.artifact, use.commit_id)
            self._step(here, content, depth + 1, _how(use))

    async def _leave_version(self, version: VersionTag, depth: int) -> None:
        here = version_node_id(version)
        if self._is_up:
            run = await self._reader.get_run_tag(version.run_id)
            if run is not None:
                self._step(here, run, depth + 1, "registered")
            return
        self._step(here, _Content(version.artifact), depth + 1, "registered")

    async def _leave_content(self, content: _Content, depth: int) -> None:
        here, identity = content.id, content.artifact.identity
        if self._is_up:
            uses = await self._reader.find_producers(identity, limit=NEIGHBOURS_MAX)
        else:
            uses = await self._reader.find_consumers(identity, limit=NEIGHBOURS_MAX)
            versions = await self._reader.find_version_tags(
                identity, limit=NEIGHBOURS_MAX
            )
            for version in versions:
                self._step(here, version, depth + 1, "registered")
        self._cut(len(uses))
        for use in uses:
            self._step(here, use.run, depth + 1, _how(use))
        if not self._is_up and not content.artifact.is_prefix:
            await self._find_holders(content, depth)
        if self._is_up and content.artifact.is_prefix and not uses:
            await self._find_parts(content, depth)

    # What follows from where things lie ----------------------------------------------

    async def _find_holders(self, content: _Content, depth: int) -> None:
        """Go from a file to the trees, read as a whole, that hold it."""
        places = await self._reader.find_places(
            content.artifact.identity, limit=NEIGHBOURS_MAX
        )
        if content.artifact.repository:
            places.append(content.artifact)
        asked = 0
        for repository, path in {(at.repository, at.path) for at in places}:
            trees = await self._reader.find_trees(
                repository, _prefixes_of(path), limit=TREES_MAX - asked
            )
            asked += len(trees)
            for tree in trees:
                found = await self._look_up(repository, tree.commit_id, path)
                if found == content.artifact.identity:
                    held = _Content(tree.artifact, tree.commit_id)
                    self._step(content.id, held, depth + 1, "within")
            if asked >= TREES_MAX:
                self._graph.is_complete = False
                return

    async def _find_parts(self, content: _Content, depth: int) -> None:
        """Go from a tree to the files in it that runs wrote."""
        artifact = content.artifact
        if not content.commit_id:
            return
        paths = await self._reader.find_written_below(
            artifact.repository, artifact.path, limit=TREES_MAX
        )
        if len(paths) >= TREES_MAX:
            self._graph.is_complete = False
        for path in paths:
            identity = await self._look_up(artifact.repository, content.commit_id, path)
            if identity is None:
                continue
            part = Artifact(artifact.repository, path, False, identity)
            if await self._reader.find_producers(identity, limit=1):
                part_content = _Content(part, content.commit_id)
                self._step(content.id, part_content, depth + 1, "within")

    async def _look_up(
        self, repository: str, commit_id: bytes, path: bytes
    ) -> bytes | None:
        """Return the blob id at `path` of a commit; None: nothing, or not any more."""
        try:
            where = await get_repository(self._engine, repository, reader=self._reader)
            history = self._engine.history(where, self._reader)
            commit = await history.get(CommitId(commit_id))
            packed = find(self._engine.nodes, commit.tree_id, path)
        except LakeError:
            return None
        return None if packed is None else unpack_entry(path, packed).blob_id


def _how(use: Use) -> EdgeHow:
    return "observed" if use.is_observed else "declared"


def _prefixes_of(path: bytes) -> list[bytes]:
    """Return the prefixes that end with a slash, and the empty one."""
    places = [at + 1 for at, byte in enumerate(path) if byte == 0x2F]
    return [b"", *(path[:place] for place in places)]


def _node_of(stop: _Stop, depth: int) -> Node:
    match stop:
        case RunTag():
            label = stop.experiment or stop.command
            return Node(run_node_id(stop), "run", label, depth, stop.repository)
        case VersionTag():
            return Node(
                version_node_id(stop),
                "model",
                f"{stop.model}@{stop.number}",
                depth,
                MODELS,
            )
        case _Content():
            artifact = stop.artifact
            return Node(
                stop.id,
                "prefix" if artifact.is_prefix else "file",
                f"{artifact.repository}/{show_path(artifact.path)}",
                depth,
                artifact.repository,
                artifact.path,
                stop.commit_id,
            )

"""Lineage: from something to all that it came from, or to all that came of it.

A walk over the graph of runs and artifacts, breadth first, so that what is cut off at the
limits is the farthest. A content at an address is a node: `file:IDENTITY@REPO/PATH`, as the
run recorded it that read or wrote it there. Beside the edges that runs recorded there are
three that follow from what lies where:

- equal contents are the same thing, wherever they lie: so a lineage goes on behind copies,
  moves and merges. What uses an equal content at another address hangs on a node of that
  address, which the walk comes to as `same`;
- who read all below a prefix read each file there: going down from a file, the trees that
  were inputs at a prefix of its path are asked whether they hold it;
- what was read below a prefix may have been written file by file: going up from a prefix,
  the paths below it that runs wrote are looked up in the tree that was read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import LakeError
from ..ids import CommitId
from ..repository.contracts import Snapshot
from ..repository.engine import Engine
from ..repository.resolving import get_repository
from ..runs.graph import Artifact, RunTag, Use, VersionTag
from ..tree.entry import unpack_entry
from ..tree.lookup import find
from .lineage_nodes import (
    Content,
    Edge,
    EdgeHow,
    Graph,
    Stop,
    node_id,
    node_of,
    run_node_id,
    version_node_id,
)

NEIGHBOURS_MAX = 1000
"""Neighbours of one node that are looked at: what else there is does not fit anyway."""
TREES_MAX = 2000
"""Trees that are asked whether they hold a file: 50 µs each from the cache."""

IsShown = Callable[[str, str | None], bool]
"""Whether the caller may see what lies in a repository, by its name; the other is the
name of a model, in the repository of models."""


@dataclass(frozen=True, slots=True)
class _Link:
    """Where the walk goes on from a content, and the address where it does."""

    at: Content
    place: str
    """Id of the node that `at` is."""
    stop: Stop
    how: EdgeHow
    commit_id: bytes = b""

    @classmethod
    def of(cls, at: Content, stop: Stop, how: EdgeHow) -> _Link:
        """Return the way from `at` to `stop`, of which no run recorded a commit."""
        return cls(at, at.id, stop, how)


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
                Content(each, commit_id) if isinstance(each, Artifact) else each
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
        self._queue: deque[tuple[Stop, int]] = deque()
        self._first: dict[bytes, str] = {}
        """The first node of each content: from it the walk goes to its other addresses."""
        self._links: dict[bytes, list[_Link]] = {}
        """Of each content that was left: where the walk goes on, at all addresses."""

    async def run(self, start: list[Stop]) -> Graph:
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
                case Content():
                    await self._leave_content(stop, depth)
        return self._graph

    # Each node once, in the order in which they are met ------------------------------

    def _meet(self, stop: Stop, depth: int) -> str | None:
        """Take a node into the answer; return its id, or None if it is left out."""
        node = node_of(stop, depth)
        if node.id in self._graph.nodes:
            return node.id
        model = stop.model if isinstance(stop, VersionTag) else None
        if node.repository and not self._is_shown(node.repository, model):
            return None
        if len(self._graph.nodes) >= self._nodes_max:
            self._graph.is_complete = False
            return None
        if isinstance(stop, Content):
            first = self._first.setdefault(stop.artifact.identity, node.id)
            if first != node.id:
                node = replace(node, same_as=first)
        self._graph.nodes[node.id] = node
        self._queue.append((stop, depth))
        return node.id

    def _step(
        self, here: str, stop: Stop, depth: int, how: EdgeHow, commit_id: bytes = b""
    ) -> None:
        is_new = node_id(stop) not in self._graph.nodes
        if is_new and depth > self._depth_max:
            self._graph.is_complete = False
            return
        there = self._meet(stop, depth)
        if there is None or there == here:
            return
        source, target = (there, here) if self._is_up else (here, there)
        self._graph.edges[Edge(source, target, how, commit_id)] = None

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
        is_published = self._is_up or run.rerun_of is None
        for use in uses:
            content = Content(use.artifact, use.commit_id, is_published)
            if not is_published and use.artifact.identity in self._first:
                continue  # it wrote once more what is there
            self._step(here, content, depth + 1, _how(use), use.commit_id)

    async def _leave_version(self, version: VersionTag, depth: int) -> None:
        here = version_node_id(version)
        if self._is_up:
            run = await self._reader.get_run_tag(version.run_id)
            if run is not None and self._is_shown(run.repository, None):
                self._step(here, run, depth + 1, "registered")
            else:
                # Known without it, since a version has a run: that it is not shown is no secret.
                self._graph.is_origin_hidden = True
            return
        self._step(here, Content(version.artifact), depth + 1, "registered")

    async def _leave_content(self, content: Content, depth: int) -> None:
        identity = content.artifact.identity
        links = self._links.get(identity)
        is_first = links is None
        if links is None:
            links = self._links[identity] = await self._find_links(content)
        here = content.id
        for link in links:
            if link.place == here:
                self._step(here, link.stop, depth + 1, link.how, link.commit_id)
        if is_first:
            await self._go_elsewhere(content, links, depth)
        if self._is_up and content.artifact.is_prefix and not links:
            await self._find_parts(content, depth)

    async def _go_elsewhere(
        self, content: Content, links: list[_Link], depth: int
    ) -> None:
        """Go to the other addresses from which a content leads on."""
        here = content.id
        elsewhere = [link for link in links if link.place != here]
        if not elsewhere:
            return
        # Who used it here leads nowhere else by having used it there as well.
        told = {node_id(link.stop) for link in links if link.place == here}
        elsewhere = [link for link in elsewhere if node_id(link.stop) not in told]
        copies = await self._find_copies(content, elsewhere)
        for link in elsewhere:
            if link.place not in copies:
                self._step(here, link.at, depth + 1, "same")

    async def _find_links(self, content: Content) -> list[_Link]:
        """Return where the walk goes on from a content, at whatever address it lies."""
        identity = content.artifact.identity
        if self._is_up:
            uses = await self._reader.find_producers(identity, limit=NEIGHBOURS_MAX)
            self._cut(len(uses))
            return [_link(use) for use in uses]
        versions = await self._reader.find_version_tags(identity, limit=NEIGHBOURS_MAX)
        uses = await self._reader.find_consumers(identity, limit=NEIGHBOURS_MAX)
        self._cut(len(uses))
        # What the first run wrote is known when a re-run is left that wrote it again.
        uses.sort(key=lambda use: use.run.rerun_of is not None)
        return [
            *(
                _Link.of(Content(each.artifact), each, "registered")
                for each in versions
            ),
            *(_link(use) for use in uses),
            *await self._find_holders(content),
        ]

    async def _find_copies(self, content: Content, links: list[_Link]) -> set[str]:
        """Return the nodes to which, or from which, a run is known to have copied.

        What a run made of `content` is not where it came from, though it is equal; what it
        was made of did not come of it.
        """
        artifact = content.artifact
        if self._is_up:
            runs = {link.stop.id for link in links if isinstance(link.stop, RunTag)}
            copying = await self._reader.find_readers(artifact, list(runs))
            copying |= await self._find_readers_around(artifact, runs - copying)
            return {
                link.place
                for link in links
                if isinstance(link.stop, RunTag) and link.stop.id in copying
            }
        producers = await self._reader.find_producers(
            artifact.identity, limit=NEIGHBOURS_MAX
        )
        runs = {
            use.run.id for use in producers if Content(use.artifact).id == content.id
        }
        if not runs:
            return set()
        return {
            place
            for place, at in {link.place: link.at for link in links}.items()
            if await self._reader.find_readers(at.artifact, list(runs))
            or await self._find_readers_around(at.artifact, runs)
        }

    # What follows from where things lie ----------------------------------------------

    async def _find_readers_around(
        self, artifact: Artifact, runs: set[int]
    ) -> set[int]:
        """Return which of `runs` read a file as a part of all below a prefix."""
        if artifact.is_prefix or not runs:
            return set()
        found: set[int] = set()
        reads = await self._reader.find_trees_of(
            list(runs), artifact.repository, _prefixes_of(artifact.path)
        )
        for commit_id, readers in reads.items():
            held = await self._look_up(artifact.repository, commit_id, artifact.path)
            if held == artifact.identity:
                found |= readers
        return found

    async def _find_holders(self, content: Content) -> list[_Link]:
        """Return the trees, read as a whole, that hold a file."""
        if content.artifact.is_prefix:
            return []
        identity = content.artifact.identity
        places = await self._reader.find_places(identity, limit=NEIGHBOURS_MAX)
        if content.artifact.repository:
            places.insert(0, content.artifact)
        found: list[_Link] = []
        asked = 0
        for repository, path in {(at.repository, at.path): None for at in places}:
            trees = await self._reader.find_trees(
                repository, _prefixes_of(path), limit=TREES_MAX - asked
            )
            asked += len(trees)
            file = Artifact(repository, path, False, identity)
            for tree in trees:
                if await self._look_up(repository, tree.commit_id, path) == identity:
                    at = Content(file, tree.commit_id)
                    holder = Content(tree.artifact, tree.commit_id)
                    found.append(_Link.of(at, holder, "within"))
            if asked >= TREES_MAX:
                self._graph.is_complete = False
                break
        return found

    async def _find_parts(self, content: Content, depth: int) -> None:
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
                part_content = Content(part, content.commit_id)
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


def _link(use: Use) -> _Link:
    """Return the way from an artifact to a run that read it, or wrote it."""
    at = Content(use.artifact, use.commit_id)
    return _Link(at, at.id, use.run, _how(use), use.commit_id)


def _prefixes_of(path: bytes) -> list[bytes]:
    """Return the prefixes that end with a slash, and the empty one."""
    places = [at + 1 for at, byte in enumerate(path) if byte == 0x2F]
    return [b"", *(path[:place] for place in places)]

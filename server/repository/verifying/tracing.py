"""Says which refs and paths cannot be read, because of what is broken.

Runs only if something is. Walks every tree from its root, but a subtree once, however
many commits share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from ...chunks.cutting import LARGE_BYTES_MIN
from ...chunks.pieces import decode_pieces
from ...chunks.reader import ChunkReader
from ...chunks.recipe import decode_recipe
from ...errors import CorruptDataError, StorageFailedError
from ...history.commit import decode_commit
from ...ids import CommitId, Kind, NodeId
from ...tree.entry import PackedEntry, unpack_entry
from ...tree.node import Inner, Leaf, unpack_u64
from ...tree.store import StoredNodes
from ..contracts import Metadata, Snapshot
from .report import Key, Name, Report

_SOUND_MAX = 500_000
"""Subtrees known to be whole, 100 bytes each; beyond, some are walked again."""

_PAGE_ROWS = 1000


class Tracer:
    """Finds the names of what `report` says is broken."""

    def __init__(
        self,
        metadata: Metadata,
        chunks: ChunkReader,
        nodes: StoredNodes,
        report: Report,
    ) -> None:
        """Walk trees through `nodes`."""
        self._metadata = metadata
        self._chunks = chunks
        self._nodes = nodes
        self._report = report
        self._sound: set[bytes] = set()
        """Nodes and recipes under which nothing is broken."""

    async def trace(self) -> None:
        """Give each fault the names of what it concerns."""
        if not self._report.broken:
            return
        await self._trace_refs()
        await self._trace_commits()
        await self._trace_staged()
        await self._trace_parts()

    async def _trace_refs(self) -> None:
        async def some(snapshot: Snapshot, at: int) -> int | None:
            rows = await snapshot.page_refs(after=at, limit=_PAGE_ROWS)
            for row in rows:
                for commit_id in row.commit_ids:
                    await self._trace_commit(
                        snapshot, row.repository_id, commit_id, row.repository, row.ref
                    )
            return rows[-1].key if len(rows) == _PAGE_ROWS else None

        after: int | None = 0
        while after is not None:
            after = await self._metadata.snapshot(partial(some, at=after))

    async def _trace_commits(self) -> None:
        """Name commits for what no ref has any more."""

        async def some(
            snapshot: Snapshot, at: tuple[int, bytes]
        ) -> tuple[int, bytes] | None:
            rows = await snapshot.page_commits(after=at, limit=_PAGE_ROWS)
            for row in rows:
                await self._trace_commit(
                    snapshot, row.repository_id, row.id, row.repository, row.id.hex()
                )
            if len(rows) < _PAGE_ROWS:
                return None
            return rows[-1].repository_id, rows[-1].id

        # What a ref shows is named by it; an old version only if nothing else names it.
        nameless = {key for key, f in self._report.broken.items() if not f.names}
        before = self._report.broken
        self._report.broken = {key: before[key] for key in nameless}
        after: tuple[int, bytes] | None = (0, b"")
        while after is not None and nameless:
            after = await self._metadata.snapshot(partial(some, at=after))
        self._report.broken = before

    async def _trace_commit(
        self,
        snapshot: Snapshot,
        repository_id: int,
        commit_id: CommitId,
        repository: str,
        ref: str,
    ) -> None:
        (row,) = await snapshot.find_commits(repository_id, [commit_id])
        if row is None or row.expired:
            return
        try:
            commit = decode_commit(row.record)
        except CorruptDataError:
            return  # a fault of its own
        for key, path in self._walk(commit.tree_id):
            self._report.broken[key].add_name(Name(repository, ref, path))

    def _walk(self, root: NodeId) -> Iterator[tuple[Key, str]]:
        """Yield what is broken under `root`, with the path that needs it."""
        yield from self._walk_node(root, b"", b"")

    def _walk_node(
        self, node_id: NodeId, after: bytes, last: bytes
    ) -> Iterator[tuple[Key, str]]:
        """Yield what is broken in a subtree that has the paths behind `after` to `last`.

        Recursion is as deep as the tree, which a codec bounds.
        """
        if node_id in self._sound:
            return
        key = (Kind.NODE, bytes(node_id))
        if key in self._report.broken:
            yield key, f"{_show(after)} ... {_show(last)}"
        is_sound = key not in self._report.broken
        try:
            node = self._nodes.get(node_id)
        except (CorruptDataError, StorageFailedError):
            return
        if isinstance(node, Inner):
            for row, last_path in enumerate(node.last_paths):
                for found in self._walk_node(node.child_id(row), after, last_path):
                    is_sound = False
                    yield found
                after = last_path
        else:
            for found in self._walk_leaf(node):
                is_sound = False
                yield found
        if is_sound:
            self._remember(node_id)

    def _walk_leaf(self, leaf: Leaf) -> Iterator[tuple[Key, str]]:
        sizes = unpack_u64(leaf.sizes, 0, len(leaf.paths))
        for row, (path, size) in enumerate(zip(leaf.paths, sizes, strict=True)):
            for key in self._walk_blob(leaf.blob_id(row), size):
                yield key, _show(path)

    def _walk_blob(self, blob_id: bytes, size_bytes: int) -> Iterator[Key]:
        broken = self._report.broken
        if size_bytes < LARGE_BYTES_MIN:
            if (Kind.CHUNK, blob_id) in broken:
                yield Kind.CHUNK, blob_id
        else:
            yield from self._walk_recipe(blob_id)

    def _walk_recipe(self, recipe_id: bytes) -> Iterator[Key]:
        if recipe_id in self._sound:
            return
        key = (Kind.RECIPE, recipe_id)
        if key in self._report.broken:
            yield key
        try:
            data = self._chunks.read_blocking(Kind.RECIPE, [recipe_id])[0]
            recipe = decode_recipe(data)
        except (CorruptDataError, StorageFailedError):
            return
        is_sound = key not in self._report.broken
        for index in range(len(recipe)):
            child = recipe.row(index).id
            if recipe.level:
                for found in self._walk_recipe(child):
                    is_sound = False
                    yield found
            elif (Kind.CHUNK, child) in self._report.broken:
                is_sound = False
                yield Kind.CHUNK, child
        if is_sound:
            self._remember(recipe_id)

    def _remember(self, id_: bytes) -> None:
        if len(self._sound) >= _SOUND_MAX:
            self._sound.clear()
        self._sound.add(id_)

    async def _trace_staged(self) -> None:
        async def some(
            snapshot: Snapshot, at: tuple[int, bytes, int]
        ) -> tuple[int, bytes, int] | None:
            rows = await snapshot.page_staged(after=at, limit=_PAGE_ROWS)
            for row in rows:
                try:
                    entry = unpack_entry(row.path, PackedEntry(row.entry))
                except CorruptDataError:
                    continue  # a fault of its own
                for key in self._walk_blob(entry.blob_id, entry.size_bytes):
                    name = Name(row.repository, row.branch, _show(row.path))
                    self._report.broken[key].add_name(name)
            if len(rows) < _PAGE_ROWS:
                return None
            return rows[-1].branch_id, rows[-1].path, rows[-1].epoch

        after: tuple[int, bytes, int] | None = (0, b"", 0)
        while after is not None:
            after = await self._metadata.snapshot(partial(some, at=after))

    async def _trace_parts(self) -> None:
        async def some(
            snapshot: Snapshot, at: tuple[str, int]
        ) -> tuple[str, int] | None:
            rows = await snapshot.page_parts(after=at, limit=_PAGE_ROWS)
            for row in rows:
                try:
                    pieces = list(decode_pieces(row.pieces))
                except CorruptDataError:
                    continue  # a fault of its own
                for piece in pieces:
                    fault = self._report.broken.get((Kind.CHUNK, piece.chunk_id))
                    if fault is not None:
                        path = f"{_show(row.path)} (part {row.number} of an upload)"
                        fault.add_name(Name(row.repository, row.branch, path))
            if len(rows) < _PAGE_ROWS:
                return None
            return rows[-1].upload_id, rows[-1].number

        after: tuple[str, int] | None = ("", 0)
        while after is not None:
            after = await self._metadata.snapshot(partial(some, at=after))


def _show(path: bytes) -> str:
    return path.decode(errors="replace")

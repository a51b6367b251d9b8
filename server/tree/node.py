"""Nodes of the tree, decoded: leaves hold entries, inner nodes hold subtrees.

The tree is a prolly tree: sorted rows, cut into nodes where a hash of the path says so
(`cut.py`), the nodes' last paths cut again, until one node is left. Both kinds keep
their rows column by column, as they are stored (`codec.py`), so that reading a node
makes one object a path and not one object a field.

Bulk work moves rows as pairs of path and packed entry, plain tuples: a class of its own
would cost a second more for each 10^6 of them.

Source of the idea: prolly trees of Noms and Dolt; see `docs/format/node.md`.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import NewType, cast

from ..ids import BlobId, ContentId, NodeId
from .columns import join_rows, split_columns
from .entry import (
    FIXED_BYTES,
    FIXED_WIDTHS,
    Entry,
    PackedEntry,
    join_extras,
    split_extras,
    unpack_entry,
)

Row = tuple[bytes, PackedEntry]
"""A path and its packed entry."""

PackedChild = NewType("PackedChild", bytes)
"""A row of an inner node without its path: node id, content id, entries, bytes."""

CHILD = Struct("<32s32sQQ")
CHILD_WIDTHS = (32, 32, 8, 8)

U64_MAX = 2**64 - 1

_OBJECT_BYTES = 41
"""What a path costs in memory beside its bytes: object header and pointer."""


def add_bytes(totals: Sequence[int]) -> int:
    """Return the sum of `totals`, at most what a column holds.

    2^64 bytes are 3.6 million of the largest objects: linked many times over they are
    possible, and a total that stays at the limit is better than a tree that cannot be.
    """
    return min(sum(totals), U64_MAX)


def unpack_u64(column: bytes, start: int, stop: int) -> tuple[int, ...]:
    """Return the numbers at rows `start` to `stop` (without it) of `column`."""
    return Struct(f"<{stop - start}Q").unpack_from(column, start * 8)


@dataclass(frozen=True, slots=True)
class NodeRef:
    """What a parent knows of a node without reading it."""

    level: int
    """0 for a leaf."""
    node_id: NodeId
    content_id: ContentId
    last_path: bytes
    """The greatest path in the subtree."""
    entry_count: int
    byte_total: int
    """Sizes of all entries of the subtree, added up."""

    def pack(self) -> PackedChild:
        """Return the row of an inner node that refers to this node."""
        return PackedChild(
            CHILD.pack(self.node_id, self.content_id, self.entry_count, self.byte_total)
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole tree: what a commit says of it, and what it adds up to."""

    tree_id: NodeId
    """Id of the root node."""
    content_id: ContentId
    level: int
    """Level of the root: 0 if one leaf holds everything."""
    entry_count: int
    byte_total: int


@dataclass(frozen=True, slots=True)
class Leaf:
    """Entries with their paths, in ascending byte order of the paths."""

    paths: tuple[bytes, ...]
    blob_ids: bytes
    """32 bytes a row, as all columns of bytes one behind the other."""
    sizes: bytes
    """u64, little-endian."""
    mtimes: bytes
    """i64, little-endian: milliseconds since 1970 UTC."""
    etags: bytes
    """16 bytes of digest and u16 part count."""
    extras: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    """Row to extras, ascending; only rows that have any."""
    checksums: Mapping[int, bytes] = field(default_factory=dict[int, bytes])
    """Row to checksums, ascending; only rows that have any."""

    @property
    def level(self) -> int:
        """The level of every leaf."""
        return 0

    @property
    def last_path(self) -> bytes:
        """The greatest path, empty if there is none."""
        return self.paths[-1] if self.paths else b""

    @property
    def entry_count(self) -> int:
        """Number of rows."""
        return len(self.paths)

    @property
    def byte_total(self) -> int:
        """Sizes of all entries added up."""
        return add_bytes(unpack_u64(self.sizes, 0, len(self.paths)))

    @property
    def memory_bytes(self) -> int:
        """About how much memory the decoded node takes."""
        kept = sum(map(len, self.paths)) + len(self.paths) * (
            _OBJECT_BYTES + FIXED_BYTES
        )
        for sparse in (self.extras, self.checksums):
            kept += sum(map(len, sparse.values())) + len(sparse) * 3 * _OBJECT_BYTES
        return kept

    def packed(self, row: int) -> PackedEntry:
        """Return the packed entry of `row`: the short way of `packed_rows` for one."""
        at8, at18, at32 = row * 8, row * 18, row * 32
        fixed = PackedEntry(
            self.blob_ids[at32 : at32 + 32]
            + self.sizes[at8 : at8 + 8]
            + self.mtimes[at8 : at8 + 8]
            + self.etags[at18 : at18 + 18]
        )
        if row in self.extras or row in self.checksums:
            return join_extras(
                fixed, self.extras.get(row, b""), self.checksums.get(row, b"")
            )
        return fixed

    def packed_rows(self, start: int, stop: int) -> list[PackedEntry]:
        """Return the packed entries of rows `start` to `stop` (without it)."""
        columns = (self.blob_ids, self.sizes, self.mtimes, self.etags)
        packed = join_rows(columns, FIXED_WIDTHS, start, stop)
        if self.extras or self.checksums:
            for row in self.extras.keys() | self.checksums.keys():
                if start <= row < stop:
                    packed[row - start] = join_extras(
                        packed[row - start],
                        self.extras.get(row, b""),
                        self.checksums.get(row, b""),
                    )
        return cast("list[PackedEntry]", packed)

    def rows(self, start: int = 0, stop: int | None = None) -> list[Row]:
        """Return rows `start` to `stop` (without it) as pairs."""
        stop = len(self.paths) if stop is None else stop
        if stop - start == 1:
            return [(self.paths[start], self.packed(start))]
        paths = self.paths[start:stop]
        return list(zip(paths, self.packed_rows(start, stop), strict=True))

    def entry(self, row: int) -> Entry:
        """Return the entry of `row`."""
        return unpack_entry(self.paths[row], self.packed(row))

    def blob_id(self, row: int) -> BlobId:
        """Return the blob id of `row`, without the rest of its entry."""
        return BlobId(self.blob_ids[row * 32 : row * 32 + 32])

    def find(self, path: bytes) -> PackedEntry | None:
        """Return the packed entry at `path`, None if there is none."""
        row = bisect_left(self.paths, path)
        if row < len(self.paths) and self.paths[row] == path:
            return self.packed(row)
        return None


@dataclass(frozen=True, slots=True)
class Inner:
    """Subtrees of one level, in ascending order of their last paths."""

    level: int
    """1 above leaves."""
    last_paths: tuple[bytes, ...]
    child_ids: bytes
    """32 bytes a row, as all columns of bytes one behind the other."""
    content_ids: bytes
    """32 bytes a row."""
    entry_counts: bytes
    """u64, little-endian."""
    byte_totals: bytes
    """u64, little-endian."""

    @property
    def last_path(self) -> bytes:
        """The greatest path of the subtree."""
        return self.last_paths[-1]

    @property
    def entry_count(self) -> int:
        """Entries of the whole subtree."""
        return sum(unpack_u64(self.entry_counts, 0, len(self.last_paths)))

    @property
    def byte_total(self) -> int:
        """Sizes of all entries of the subtree added up."""
        return add_bytes(unpack_u64(self.byte_totals, 0, len(self.last_paths)))

    @property
    def memory_bytes(self) -> int:
        """About how much memory the decoded node takes."""
        return sum(map(len, self.last_paths)) + len(self.last_paths) * (
            _OBJECT_BYTES + CHILD.size
        )

    def child_id(self, row: int) -> NodeId:
        """Return the node id of child `row`."""
        return NodeId(self.child_ids[row * 32 : row * 32 + 32])

    def content_id(self, row: int) -> ContentId:
        """Return the content id of child `row`."""
        return ContentId(self.content_ids[row * 32 : row * 32 + 32])

    def find_child(self, path: bytes) -> NodeId | None:
        """Return the node id of the child that would hold `path`, None if none would."""
        row = bisect_left(self.last_paths, path)
        return self.child_id(row) if row < len(self.last_paths) else None

    def child(self, row: int) -> NodeRef:
        """Return what this node knows of child `row`."""
        return NodeRef(
            self.level - 1,
            self.child_id(row),
            self.content_id(row),
            self.last_paths[row],
            *unpack_u64(self.entry_counts, row, row + 1),
            *unpack_u64(self.byte_totals, row, row + 1),
        )

    def packed_rows(self, start: int, stop: int) -> list[PackedChild]:
        """Return the packed children `start` to `stop` (without it)."""
        columns = (
            self.child_ids,
            self.content_ids,
            self.entry_counts,
            self.byte_totals,
        )
        return cast("list[PackedChild]", join_rows(columns, CHILD_WIDTHS, start, stop))


Node = Leaf | Inner


def make_leaf(paths: Sequence[bytes], packed: Sequence[PackedEntry]) -> Leaf:
    """Return the leaf of rows that are given as two columns, in ascending order."""
    joined = b"".join(packed)
    extras: dict[int, bytes] = {}
    checksums: dict[int, bytes] = {}
    if len(joined) != FIXED_BYTES * len(paths):
        for row, entry in enumerate(packed):
            extra, checksum = split_extras(entry)
            if extra:
                extras[row] = extra
            if checksum:
                checksums[row] = checksum
        joined = b"".join([entry[:FIXED_BYTES] for entry in packed])
    blob_ids, sizes, mtimes, etags = split_columns(joined, FIXED_WIDTHS)
    return Leaf(tuple(paths), blob_ids, sizes, mtimes, etags, extras, checksums)


def make_inner(
    level: int, last_paths: Sequence[bytes], packed: Sequence[PackedChild]
) -> Inner:
    """Return the inner node of `level` over children given as two columns."""
    child_ids, content_ids, entry_counts, byte_totals = split_columns(
        b"".join(packed), CHILD_WIDTHS
    )
    return Inner(
        level, tuple(last_paths), child_ids, content_ids, entry_counts, byte_totals
    )

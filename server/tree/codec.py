"""Canonical bytes of a node. The format is `docs/format/node.md`; change both.

A node's id is the hash of these bytes, so equal nodes must encode equally: fields in a
fixed order, integers in their shortest form, no maps. What the content id covers comes
first, so that it is a hash over the front part of the same bytes.

Decoding is strict: whatever does not encode back to the same bytes is corrupt.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from ..errors import CorruptDataError
from ..ids import ContentId, hash_content
from .canonical import Value, pack, unpack
from .entry import EXTRA_BYTES_MAX
from .node import Inner, Leaf, Node, unpack_u64

VERSION = 1
LEVEL_MAX = 32
"""Inner nodes have at least 64 children except at the right edge, so level 11 would do
for 2^64 entries; a number that noise seldom hits and that no recursion minds."""
NODE_BYTES_MAX = 16 * 1024 * 1024
"""1,536 rows of the longest path and the largest extras are 14.3 MB."""
PATH_BYTES_MAX = 1024

_ARRAY = 0x90
"""msgpack's array of at most 15 fields."""
_LEAF_FIELDS = 9
_INNER_FIELDS = 7


@dataclass(frozen=True, slots=True)
class EncodedNode:
    """A node as canonical bytes, with the content id that its parent keeps."""

    data: bytes
    content_id: ContentId


def encode_node(node: Node) -> EncodedNode:
    """Return the canonical bytes and the content id of `node`.

    Raises:
        ValueError: the rows of `node` cannot be a node: paths out of order or not
            paths. The caller has a bug, since paths are checked where they come in.
    """
    _check_paths(node.paths if isinstance(node, Leaf) else node.last_paths, ValueError)
    content = _encode_content(node)
    data = _encode_around(content, node)
    if len(data) > NODE_BYTES_MAX:
        raise ValueError(f"node is {len(data)} bytes, over {NODE_BYTES_MAX}")
    return EncodedNode(data, hash_content(content))


def _encode_content(node: Node) -> bytes:
    """Return what the content id of `node` is the hash of: its first fields."""
    match node:
        case Leaf():
            fields: tuple[object, ...] = (
                VERSION,
                0,
                node.paths,
                node.blob_ids,
                _pairs(node.extras),
            )
        case Inner():
            fields = (VERSION, node.level, node.content_ids)
    return b"".join(map(pack, fields))


def _encode_around(content: bytes, node: Node) -> bytes:
    """Return the canonical bytes of `node`, whose first fields are `content`."""
    match node:
        case Leaf():
            field_count = _LEAF_FIELDS
            rest: tuple[object, ...] = (
                node.sizes,
                node.mtimes,
                node.etags,
                _pairs(node.checksums),
            )
        case Inner():
            field_count = _INNER_FIELDS
            rest = (
                node.last_paths,
                node.child_ids,
                node.entry_counts,
                node.byte_totals,
            )
    return b"".join((bytes([_ARRAY | field_count]), content, *map(pack, rest)))


def decode_node(data: bytes) -> Node:
    """Return the node that `data` encodes.

    Raises:
        CorruptDataError: `data` is not a node in a version this code reads.
    """
    if len(data) > NODE_BYTES_MAX:
        raise CorruptDataError(f"node is {len(data)} bytes, over {NODE_BYTES_MAX}")
    try:
        fields = unpack(data)
    except ValueError as error:
        raise CorruptDataError(f"node does not decode: {error}") from error
    match fields:
        case (int(version), *_) if version != VERSION:
            raise CorruptDataError(f"node has version {version}, not {VERSION}")
        case (_, 0, *columns) if len(columns) == _LEAF_FIELDS - 2:
            node: Node = _decode_leaf(columns)
        case (_, int(level), *columns) if (
            0 < level <= LEVEL_MAX and len(columns) == _INNER_FIELDS - 2
        ):
            node = _decode_inner(level, columns)
        case _:
            raise CorruptDataError("node is neither a leaf nor an inner node")
    if _encode_around(_encode_content(node), node) != data:
        raise CorruptDataError("node is not in its canonical form")
    return node


def _decode_leaf(columns: Sequence[Value]) -> Leaf:
    match columns:
        case [
            tuple(paths),
            bytes(blob_ids),
            tuple(extras),
            bytes(sizes),
            bytes(mtimes),
            bytes(etags),
            tuple(checksums),
        ]:
            row_count = len(paths)
            widths = (len(blob_ids), len(sizes), len(mtimes), len(etags))
            if widths != (32 * row_count, 8 * row_count, 8 * row_count, 18 * row_count):
                raise CorruptDataError("leaf has columns of different lengths")
            leaf = Leaf(
                _decode_paths(paths),
                blob_ids,
                sizes,
                mtimes,
                etags,
                _decode_pairs(extras, row_count),
                _decode_pairs(checksums, row_count),
            )
            _check_extras(leaf)
            return leaf
        case _:
            raise CorruptDataError("leaf has a malformed column")


def _decode_inner(level: int, columns: Sequence[Value]) -> Inner:
    match columns:
        case [
            bytes(content_ids),
            tuple(last_paths),
            bytes(child_ids),
            bytes(entry_counts),
            bytes(byte_totals),
        ] if last_paths:
            row_count = len(last_paths)
            widths = (
                len(content_ids),
                len(child_ids),
                len(entry_counts),
                len(byte_totals),
            )
            if widths != (32 * row_count, 32 * row_count, 8 * row_count, 8 * row_count):
                raise CorruptDataError("inner node has columns of different lengths")
            if 0 in unpack_u64(entry_counts, 0, row_count):
                raise CorruptDataError("inner node has an empty subtree")
            return Inner(
                level,
                _decode_paths(last_paths),
                child_ids,
                content_ids,
                entry_counts,
                byte_totals,
            )
        case _:
            raise CorruptDataError("inner node has a malformed column")


def _decode_paths(column: tuple[Value, ...]) -> tuple[bytes, ...]:
    if not all(type(path) is bytes for path in column):
        raise CorruptDataError("node has a path that is not bytes")
    paths = cast("tuple[bytes, ...]", column)
    _check_paths(paths, CorruptDataError)
    return paths


def _check_paths(paths: Sequence[bytes], error: type[Exception]) -> None:
    """Raise `error` unless `paths` ascend and each is a path.

    A NUL is in no path, so that one decode of all of them, joined by NULs, checks
    each: no sequence of UTF-8 goes across a NUL.
    """
    if not paths:
        return
    if not all(map(operator.lt, paths, paths[1:])):
        raise error("node has paths that do not ascend")
    if not paths[0] or max(map(len, paths)) > PATH_BYTES_MAX:
        raise error(f"node has a path that is not 1 to {PATH_BYTES_MAX} bytes")
    joined = b"\0".join(paths)
    if joined.count(0) != len(paths) - 1:
        raise error("node has a path with a NUL in it")
    try:
        joined.decode()
    except UnicodeDecodeError:
        raise error("node has a path that is not UTF-8") from None


def _decode_pairs(column: tuple[Value, ...], row_count: int) -> Mapping[int, bytes]:
    values: dict[int, bytes] = {}
    after = -1
    for pair in column:
        match pair:
            case (int(row), bytes(value)) if after < row < row_count and value:
                values[row] = value
                after = row
            case _:
                raise CorruptDataError("leaf has malformed extras")
    return values


def _check_extras(leaf: Leaf) -> None:
    for row in leaf.extras.keys() | leaf.checksums.keys():
        held = len(leaf.extras.get(row, b"")) + len(leaf.checksums.get(row, b""))
        if held > EXTRA_BYTES_MAX:
            raise CorruptDataError(f"leaf has an entry with {held} bytes of extras")


def _pairs(sparse: Mapping[int, bytes]) -> list[tuple[int, bytes]]:
    return sorted(sparse.items())

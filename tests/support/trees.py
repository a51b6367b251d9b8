"""Trees for tests: entries, small cut sizes, naive models of what operations do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from hypothesis import strategies as st
from lakebed.server.ids import BlobId, NodeId
from lakebed.server.tree.build import TreeBuilder
from lakebed.server.tree.cut import VERSION_1, CutRule, CutSizes
from lakebed.server.tree.entry import Entry, PackedEntry, pack_entry
from lakebed.server.tree.extra import Extra, encode_extra
from lakebed.server.tree.node import Inner, Row, Tree

from support.nodes import MemoryNodes

SMALL = CutRule(CutSizes(2, 4, 8), CutSizes(2, 3, 5))
"""A rule with which a hundred rows make a tree of four levels."""


def entry_of(
    path: bytes, content: str = "", *, mtime_ms: int = 0, size_bytes: int = 1
) -> PackedEntry:
    """Return an entry whose blob id and ETag are drawn from path and `content`."""
    digest = hashlib.sha256(path + b"\0" + content.encode()).digest()
    return pack_entry(
        Entry(
            path,
            BlobId(digest),
            size_bytes=size_bytes,
            mtime_ms=mtime_ms,
            etag=hashlib.md5(digest).digest(),
        )
    )


def numbered(count: int, *, first: int = 0) -> list[Row]:
    """Return rows with realistic paths of 40 bytes, ascending, always the same ones."""
    rows: list[Row] = []
    for number in range(first, first + count):
        path = b"data/train/part-%05d/image-%09d.jpg" % (number // 1000, number)
        rows.append(
            (
                path,
                entry_of(
                    path, mtime_ms=1_750_000_000_000 + number * 17, size_bytes=number
                ),
            )
        )
    return rows


def build(
    nodes: MemoryNodes,
    rows: Iterable[Row] | Mapping[bytes, PackedEntry],
    *,
    rule: CutRule = VERSION_1,
) -> Tree:
    """Build the tree of `rows`, in any order."""
    builder = TreeBuilder(nodes, nodes, rule=rule)
    builder.add_rows(sorted(dict(rows).items()))
    return builder.finish()


def read_all(nodes: MemoryNodes, root: NodeId) -> dict[bytes, PackedEntry]:
    """Return every row of a tree, by plain descent."""
    node = nodes.get(root)
    if not isinstance(node, Inner):
        return dict(node.rows())
    rows: dict[bytes, PackedEntry] = {}
    for child in range(len(node.last_paths)):
        rows.update(read_all(nodes, node.child_id(child)))
    return rows


def node_ids(nodes: MemoryNodes, root: NodeId) -> set[NodeId]:
    """Return the ids of every node of a tree."""
    node = nodes.get(root)
    found = {root}
    if isinstance(node, Inner):
        for child in range(len(node.last_paths)):
            found |= node_ids(nodes, node.child_id(child))
    return found


paths = st.sampled_from(
    [
        f"{folder}{number:03}".encode()
        for folder in ("", "a/", "a/b/", "a/ü", "a-", "é/")
        for number in range(30)
    ]
)
"""Few enough that two draws often meet."""

_EXTRAS = (
    b"",
    encode_extra(Extra(content_type="text/csv")),
    encode_extra(Extra(user_metadata={"split": "train"}, tags={"pii": "no"})),
)

packed_entries = st.sampled_from(
    [
        pack_entry(
            Entry(
                b"",
                BlobId(bytes([blob]) * 32),
                size_bytes=(0, 1, 2**62)[blob],
                mtime_ms=(-1, 1_750_000_000_000)[variant % 2],
                etag=bytes([variant // 2]) * 16,
                part_count=variant,
                extra=extra,
                checksums=b"\x90" if variant == 3 else b"",
            )
        )
        for blob in range(3)
        for variant in range(4)
        for extra in _EXTRAS[: 3 - variant // 2]
    ]
)
"""Entries of few contents, with fields that are no part of the identity."""

# Hypothesis draws few elements unless it has to: half the maps have to be trees.
maps = st.dictionaries(paths, packed_entries, max_size=20) | st.dictionaries(
    paths, packed_entries, min_size=25, max_size=70
)
"""Models of trees."""

changes = st.dictionaries(paths, st.none() | packed_entries, max_size=40)


def apply_naively(
    model: Mapping[bytes, PackedEntry], staged: Mapping[bytes, PackedEntry | None]
) -> dict[bytes, PackedEntry]:
    """Return `model` with `staged` changes, as a commit would apply them."""
    result = dict(model)
    for path, entry in staged.items():
        old = result.get(path)
        if entry is None:
            result.pop(path, None)
        elif old is None or old[:40] + old[48:] != entry[:40] + entry[48:]:
            result[path] = entry
    return result


def batched(
    staged: Mapping[bytes, PackedEntry | None], size: int
) -> list[Sequence[tuple[bytes, PackedEntry | None]]]:
    """Return `staged` in ascending order, in batches."""
    ordered = sorted(staged.items(), key=lambda change: change[0])
    return [ordered[at : at + size] for at in range(0, len(ordered), size)]

"""The tree below a prefix is the tree of the same entries with relative paths."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.tree.subtree import NoSink, build_subtree

from support.nodes import MemoryNodes
from support.trees import build, entry_of

NAMES = st.lists(st.sampled_from([b"a", b"b", b"/", b"\xc3\xa9"]), min_size=1).map(
    b"".join
)


@given(st.sets(NAMES, max_size=60), NAMES)
def test_it_is_the_tree_of_the_relative_paths(paths: set[bytes], prefix: bytes) -> None:
    nodes = MemoryNodes()
    whole = build(nodes, {path: entry_of(b"", path.hex()) for path in paths})
    below = {
        path[len(prefix) :]: entry_of(b"", path.hex())
        for path in paths
        if path.startswith(prefix) and path != prefix
    }

    found = build_subtree(nodes, NoSink(), whole.tree_id, prefix)

    assert found == build(MemoryNodes(), below)


def test_without_a_prefix_it_is_the_tree_itself() -> None:
    nodes = MemoryNodes()
    whole = build(nodes, {b"a": entry_of(b"a"), b"b/c": entry_of(b"b/c")})

    assert build_subtree(nodes, NoSink(), whole.tree_id, b"") == whole

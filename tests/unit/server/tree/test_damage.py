"""A tree that a faulty writer left is reported, not followed into nonsense."""

from __future__ import annotations

import pytest
from lakebed.server.errors import CorruptDataError
from lakebed.server.ids import NodeId, hash_node
from lakebed.server.tree.codec import encode_node
from lakebed.server.tree.lookup import find_by_ordinal
from lakebed.server.tree.node import Node, NodeRef, make_inner, make_leaf

from support.nodes import MemoryNodes
from support.trees import entry_of


def put(nodes: MemoryNodes, node: Node) -> NodeId:
    data = encode_node(node).data
    node_id = hash_node(data)
    nodes.put(node_id, data, node)
    return node_id


def parent_of(nodes: MemoryNodes, node: Node, *, entry_count: int) -> Node:
    ref = NodeRef(
        node.level,
        put(nodes, node),
        encode_node(node).content_id,
        node.last_path,
        entry_count,
        byte_total=1,
    )
    return make_inner(node.level + 1, [node.last_path], [ref.pack()])


def test_counts_that_do_not_agree_are_corrupt() -> None:
    nodes = MemoryNodes()
    leaf = make_leaf([b"a"], [entry_of(b"a")])
    lying = parent_of(nodes, leaf, entry_count=5)
    root = put(nodes, lying)
    above = put(nodes, parent_of(nodes, lying, entry_count=9))

    assert find_by_ordinal(nodes, root, 0) is not None
    for tree_id, ordinal in ((root, 3), (above, 8)):
        with pytest.raises(CorruptDataError):
            find_by_ordinal(nodes, tree_id, ordinal)

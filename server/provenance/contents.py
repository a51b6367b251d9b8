"""The identity of what lies below a prefix: its content id.

That of the tree which has exactly these files, under their paths relative to the prefix:
so equal content has one identity wherever it lies, and a copy of it is recognised. The
files are not read, only their rows.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from ..ids import ContentId, NodeId
from ..repository.engine import Engine
from ..tree.source import NodeSource
from ..tree.subtree import NoSink, build_subtree

KEPT_MAX = 1024
"""Contents that a process keeps, 300 bytes each: of prefixes that runs read. Without them
one of 10^6 files takes a builder seconds each time that it is asked for."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What lies below a prefix."""

    identity: ContentId
    file_count: int
    size_bytes: int


_kept: OrderedDict[tuple[NodeId, bytes], Contents] = OrderedDict()
"""They follow from the tree alone, so that one store is as good as another."""


async def find_contents(engine: Engine, tree_id: NodeId, prefix: bytes) -> Contents:
    """Return what the tree `tree_id` has below `prefix`; all of it if that is empty."""
    key = (tree_id, prefix)
    found = _kept.get(key)
    if found is None:
        found = await engine.build(_measure, engine.nodes, tree_id, prefix)
        _kept[key] = found
        if len(_kept) > KEPT_MAX:
            _kept.popitem(last=False)
    return found


def _measure(source: NodeSource, tree_id: NodeId, prefix: bytes) -> Contents:
    tree = build_subtree(source, NoSink(), tree_id, prefix)
    return Contents(tree.content_id, tree.entry_count, tree.byte_total)

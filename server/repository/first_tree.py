"""The tree without entries: every repository begins with it, and merges fall back on it.

It is a stored leaf of no rows, so nothing needs a special case for it but its first
writing, here.
"""

from __future__ import annotations

from ..chunks.index import Frame
from ..ids import Kind, hash_node
from ..tree.codec import encode_node
from ..tree.node import make_leaf

_ENCODED = encode_node(make_leaf((), ()))

EMPTY_TREE_ID = hash_node(_ENCODED.data)
EMPTY_CONTENT_ID = _ENCODED.content_id
EMPTY_TREE_FRAME = Frame(Kind.NODE, EMPTY_TREE_ID, _ENCODED.data)
"""Goes with the transaction of whatever makes the empty tree reachable first."""

"""The versioned map: an immutable, sorted, history-independent tree of path to entry.

Read `node.py` first, then `build.py`; `docs/format/node.md` has the bytes.
"""

"""Tracked files that git was told not to look at, and that changed all the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

from .work_tree import IndexEntry, WorkTree

_FILES_MAX = 1000
"""People hide a handful of files (`update-index --assume-unchanged`)."""


def find_changed_hidden(tree: WorkTree) -> Iterator[bytes]:
    """Yield the hidden files of `tree` whose content is not that of the index."""
    for entry in tree.hidden[:_FILES_MAX]:
        if entry.path in tree.changed:
            continue
        try:
            if _blob_hash(tree, entry) != entry.object_id:
                yield entry.path
        except OSError:
            yield entry.path  # whoever packs it says why it cannot be read


def _blob_hash(tree: WorkTree, entry: IndexEntry) -> str:
    """Return git's hash of the file as it is."""
    full = os.fsencode(tree.root) + b"/" + entry.path
    if entry.mode == b"120000":
        content = os.readlink(full)  # noqa: PTH115 (a name of bytes)
    else:
        with open(full, "rb") as file:  # noqa: PTH123 (a name of bytes)
            content = file.read()
    kind = "sha256" if len(entry.object_id) == 64 else "sha1"
    header = b"blob %d\0" % len(content)
    return hashlib.new(kind, header + content, usedforsecurity=False).hexdigest()

"""Apply sorted changes to a tree: what a commit does with staged changes.

Subtrees without a change are linked unread, leaves whose changes turn out to change
nothing are linked too, and nodes that come out as they were are not written again. An
update of one path reads and writes one node a level; an insert or a delete may move a
cut and then rewrites the neighbour as well.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from ..ids import NodeId
from .build import TreeBuilder
from .cut import VERSION_1, CutRule
from .entry import PackedEntry, equal_but_for_mtime
from .node import Inner, Leaf, NodeRef, Row, Tree
from .source import NodeSink, NodeSource

Change = tuple[bytes, PackedEntry | None]
"""A path and what it refers to from now on; None deletes it."""

_PATH = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Edit:
    """What applying changes came to."""

    tree: Tree
    added_count: int
    changed_count: int
    """Paths whose entry is another one, in more than its mtime."""
    removed_count: int

    @property
    def is_changed(self) -> bool:
        """Whether the tree is another than before."""
        return bool(self.added_count or self.changed_count or self.removed_count)


def apply_changes(
    source: NodeSource,
    sink: NodeSink,
    root: NodeId | None,
    batches: Iterable[Sequence[Change]],
    *,
    rule: CutRule = VERSION_1,
) -> Edit:
    """Return the tree `root` with the changes of `batches`, written to `sink`.

    A change that is equal to the old entry in everything but mtime keeps the old entry;
    a delete of an absent path does nothing.

    Args:
        source: where the nodes of `root` are.
        sink: takes new nodes; nothing is put if nothing changes.
        root: id of the tree to start from, None for no entries.
        batches: changes in ascending order of paths, each path once. One batch at a
            time is held in memory.
        rule: the cut rule of `root`.

    Raises:
        ValueError: the changes do not ascend.
    """
    return _Editor(source, sink, batches, rule).run(root)


class _Changes:
    """The changes still to come, taken from the front."""

    def __init__(self, batches: Iterable[Sequence[Change]]) -> None:
        self._batches: Iterator[Sequence[Change]] = iter(batches)
        self._batch: Sequence[Change] = ()
        self._position = 0
        self._last_path = b""

    def next_path(self) -> bytes | None:
        """Return the path of the next change, None if there is no more."""
        while self._position >= len(self._batch):
            batch = next(self._batches, None)
            if batch is None:
                return None
            self._batch, self._position = batch, 0
        return self._batch[self._position][0]

    def take_through(self, path: bytes | None) -> list[Change]:
        """Return changes up to `path` (None: to the end) that are in one batch.

        Empty only when there is none; ask again until then.
        """
        if self.next_path() is None:
            return []
        stop = len(self._batch)
        if path is not None:
            stop = bisect_right(self._batch, path, self._position, key=_PATH)
        taken = list(self._batch[self._position : stop])
        self._position = stop
        for change_path, _ in taken:
            if change_path <= self._last_path:
                raise ValueError(f"changes do not ascend at {change_path!r}")
            self._last_path = change_path
        return taken


class _Editor:
    def __init__(
        self,
        source: NodeSource,
        sink: NodeSink,
        batches: Iterable[Sequence[Change]],
        rule: CutRule,
    ) -> None:
        self._builder = TreeBuilder(source, sink, rule=rule)
        self._changes = _Changes(batches)
        self._added_count = 0
        self._changed_count = 0
        self._removed_count = 0

    def run(self, root: NodeId | None) -> Edit:
        if root is not None:
            node = self._builder.read(root)
            match node:
                case Inner():
                    self._edit_inner(node, is_tail=True)
                case Leaf():
                    self._edit_leaf(node)
        while taken := self._changes.take_through(None):
            rows = [(path, entry) for path, entry in taken if entry is not None]
            self._added_count += len(rows)
            self._builder.add_rows(rows)
        return Edit(
            self._builder.finish(),
            self._added_count,
            self._changed_count,
            self._removed_count,
        )

    def _edit_inner(self, node: Inner, *, is_tail: bool) -> None:
        """Bring the subtree of `node` to the builder, changed."""
        child_count = len(node.last_paths)
        row = 0
        while row < child_count:
            path = self._changes.next_path()
            touched = (
                child_count if path is None else bisect_left(node.last_paths, path, row)
            )
            self._builder.link_children(node, row, touched, is_tail=is_tail)
            if touched < child_count:
                child_is_tail = is_tail and touched + 1 == child_count
                self._edit_child(node.child(touched), child_is_tail)
            row = touched + 1

    def _edit_child(self, ref: NodeRef, is_tail: bool) -> None:
        match self._builder.read(ref.node_id):
            case Inner() as inner:
                self._edit_inner(inner, is_tail=is_tail)
            case Leaf() as leaf:
                self._edit_leaf(leaf, ref, is_tail)

    def _edit_leaf(
        self, leaf: Leaf, ref: NodeRef | None = None, is_tail: bool = True
    ) -> None:
        """Bring the rows of `leaf` to the builder, changed up to its last path."""
        merged: dict[bytes, PackedEntry] | None = None
        is_changed = False
        while self._comes_up_to(leaf.last_path):
            if merged is None:
                merged = dict(leaf.rows())
            for path, entry in self._changes.take_through(leaf.last_path):
                is_changed |= self._change(merged, path, entry)
        if merged is not None and is_changed:
            self._builder.add_rows(sorted(merged.items()))
        elif ref is not None:
            self._builder.link(ref, is_tail=is_tail)
        else:
            self._builder.add_rows(leaf.rows())

    def _comes_up_to(self, path: bytes) -> bool:
        coming = self._changes.next_path()
        return coming is not None and coming <= path

    def _change(
        self, merged: dict[bytes, PackedEntry], path: bytes, entry: PackedEntry | None
    ) -> bool:
        """Apply one change to `merged`; return whether it changes anything."""
        old = merged.get(path)
        if entry is None:
            if old is None:
                return False
            del merged[path]
            self._removed_count += 1
        elif old is None:
            merged[path] = entry
            self._added_count += 1
        elif equal_but_for_mtime(old, entry):
            return False
        else:
            merged[path] = entry
            self._changed_count += 1
        return True


def build_tree(
    source: NodeSource,
    sink: NodeSink,
    batches: Iterable[Sequence[Row]],
    *,
    rule: CutRule = VERSION_1,
) -> Tree:
    """Return the tree of the rows of `batches`, in ascending order of paths.

    Raises:
        ValueError: the rows do not ascend.
    """
    builder = TreeBuilder(source, sink, rule=rule)
    for batch in batches:
        builder.add_rows(batch)
    return builder.finish()

"""Merge two trees that came from one: take from each side what it changed.

The three are walked side by side. A subtree that only one side changed is linked as it
is, unread, so the cost follows what both sides changed in the same places.

Of one path, by identity (`entry.same_identity`):

1. Theirs is as the base, or as ours: ours stays, to the last field.
2. Ours is as the base: theirs.
3. Otherwise both changed it, differently: a conflict, which a resolution of that path or
   the strategy decides, or which stops the merge.

What ours changed is never lost, be it only an ETag. What theirs changed in fields that
are no part of the identity, it may or may not bring along: it does in a subtree that is
linked because ours had not touched it at all. The result is in any case a function of
the three trees.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from ..ids import NodeId
from .build import TreeBuilder
from .cut import VERSION_1, CutRule
from .entry import PackedEntry, same_identity
from .frontier import END, ROW, Frontier, count_identical, count_same
from .lookup import after_prefix
from .node import Tree
from .source import NodeSink, NodeSource

CONFLICTS_MAX = 1000
"""Conflicts that are returned; more are only counted. A person resolves tens; a program
takes a strategy."""


class Strategy(Enum):
    """Whose entry is taken at every conflict that has no resolution of its own."""

    OURS = "ours"
    THEIRS = "theirs"


class Resolution(Enum):
    """What is taken at a conflict."""

    OURS = "ours"
    THEIRS = "theirs"
    BASE = "base"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A path that both sides changed differently; None where a side has nothing."""

    path: bytes
    base: PackedEntry | None
    ours: PackedEntry | None
    theirs: PackedEntry | None


@dataclass(frozen=True, slots=True)
class Merge:
    """What a merge came to: a tree, or the conflicts that stopped it."""

    tree: Tree | None
    """None if there are conflicts; then nothing refers to what was written."""
    conflicts: tuple[Conflict, ...]
    """Unresolved, in order of paths: the first `CONFLICTS_MAX` of them."""
    conflict_count: int
    """All unresolved ones."""
    resolved_count: int
    """Conflicts that a resolution or the strategy decided."""
    unused: tuple[bytes, ...]
    """Paths with a resolution that do not conflict, in order."""


def merge_trees(
    source: NodeSource,
    sink: NodeSink,
    base: NodeId | None,
    ours: NodeId,
    theirs: NodeId,
    *,
    strategy: Strategy | None = None,
    resolutions: Mapping[bytes, Resolution] | None = None,
    rule: CutRule = VERSION_1,
) -> Merge:
    """Merge the tree `theirs` into the tree `ours`.

    Args:
        source: where the nodes of all three are.
        sink: takes new nodes.
        base: the tree that both came from; None is the empty one.
        ours: the destination.
        theirs: what is merged into it.
        strategy: decides conflicts that have no resolution.
        resolutions: what to take at paths in conflict; others do nothing (`unused`).
        rule: the cut rule of the trees.
    """
    builder = TreeBuilder(source, sink, rule=rule)
    sides = _Sides(
        Frontier(builder.read, base),
        Frontier(builder.read, ours),
        Frontier(builder.read, theirs),
    )
    return _Merger(builder, sides, strategy, resolutions or {}).run()


def iter_conflicts(
    source: NodeSource,
    base: NodeId | None,
    ours: NodeId,
    theirs: NodeId,
    *,
    prefix: bytes = b"",
    after: bytes = b"",
) -> Iterator[Conflict]:
    """Yield every conflict that a merge without resolutions would have, by path.

    Lazy, and nothing is built: nodes are read as the iterator advances.

    Args:
        source: where the nodes of all three are.
        base: the tree that both came from; None is the empty one.
        ours: the destination.
        theirs: what would be merged into it.
        prefix: only paths that start with it.
        after: only paths behind it: where an earlier page ended.
    """
    # The first byte string behind `after`; no path has a NUL.
    start = max(prefix, after + b"\0" if after else b"")
    stop = after_prefix(prefix)
    base_side, ours_side, theirs_side = (
        Frontier(source.get, root, start=start, stop=stop)
        for root in (base, ours, theirs)
    )
    sides = _Sides(base_side, ours_side, theirs_side)
    return _Merger(None, sides, None, {}).walk()


@dataclass(frozen=True, slots=True)
class _Sides:
    base: Frontier
    ours: Frontier
    theirs: Frontier


class _Merger:
    """One merge under way; without a builder it only looks for conflicts.

    Everything up to some path is decided, and brought to the builder or dropped; each
    step takes heads off the frontiers, or opens some.
    """

    def __init__(
        self,
        builder: TreeBuilder | None,
        sides: _Sides,
        strategy: Strategy | None,
        resolutions: Mapping[bytes, Resolution],
    ) -> None:
        self._builder = builder
        self._base = sides.base
        self._ours = sides.ours
        self._theirs = sides.theirs
        self._all = (sides.base, sides.ours, sides.theirs)
        self._strategy = strategy
        self._resolutions = resolutions
        self._conflict: Conflict | None = None
        """The one that the last step met."""
        self._resolved_count = 0
        self._used: set[bytes] = set()
        """Paths whose resolution decided."""

    def run(self) -> Merge:
        """Merge to the end, and return what it came to."""
        builder = self._builder
        assert builder is not None
        conflicts: list[Conflict] = []
        conflict_count = 0
        for conflict in self.walk():
            # There will be no tree; only conflicts are looked for from here on.
            self._builder = None
            conflict_count += 1
            if len(conflicts) < CONFLICTS_MAX:
                conflicts.append(conflict)
        return Merge(
            None if conflict_count else builder.finish(),
            tuple(conflicts),
            conflict_count,
            self._resolved_count,
            tuple(sorted(self._resolutions.keys() - self._used)),
        )

    def walk(self) -> Iterator[Conflict]:
        """Merge to the end, and yield the conflicts on the way."""
        while self._ours.level != END or self._theirs.level != END:
            if not (self._take_equal() or self._take_one_sided() or self._take_row()):
                self._open()
            if self._conflict is not None:
                yield self._conflict
                self._conflict = None

    def _take_equal(self) -> bool:
        """Decide up to the end of what two sides have in common at their heads.

        Returns False if that is nothing. Theirs against another side is compared by
        content: ours stays in either case. Ours against the base is compared by node
        id, since theirs then replaces the subtree, and a new ETag in ours must not be
        lost with it.
        """
        base, ours, theirs = self._base, self._ours, self._theirs
        if count := count_same(ours, theirs):
            # What the base has there is one-sided now, and dropped as such.
            theirs.take(count)
            self._bring(ours, count)
        elif count := count_same(base, theirs):
            theirs.take(count)
            self._bring_through(ours, base.take(count))
        elif count := count_identical(base, ours):
            ours.take(count)
            self._bring_through(theirs, base.take(count))
        return bool(count)

    def _take_one_sided(self) -> bool:
        """Take a head that no other side has a path of; False if there is none."""
        for side in self._all:
            if side.level != END and all(
                other.is_behind(side.last) for other in self._all if other is not side
            ):
                if side is self._base:
                    side.take()
                else:
                    self._bring(side, 1)
                return True
        return False

    def _take_row(self) -> bool:
        """Decide the first path ahead; False if it may lie in an unread subtree."""
        rows = [side for side in self._all if side.level == ROW]
        if not rows:
            return False
        path = min(side.last for side in rows)
        having = [side for side in rows if side.last == path]
        if not all(side in having or side.is_behind(path) for side in self._all):
            return False
        base, ours, theirs = (
            side.packed if side in having else None for side in self._all
        )
        entry = self._decide(path, base, ours, theirs)
        if entry is not None and self._conflict is None and self._builder is not None:
            self._builder.add_rows([(path, entry)])
        for side in having:
            side.take()
        return True

    def _decide(
        self,
        path: bytes,
        base: PackedEntry | None,
        ours: PackedEntry | None,
        theirs: PackedEntry | None,
    ) -> PackedEntry | None:
        if _is_same(theirs, base) or _is_same(theirs, ours):
            return ours
        if _is_same(ours, base):
            return theirs
        match self._resolutions.get(path, self._strategy):
            case None:
                self._conflict = Conflict(path, base, ours, theirs)
                return ours
            case Resolution.OURS | Strategy.OURS:
                chosen = ours
            case Resolution.THEIRS | Strategy.THEIRS:
                chosen = theirs
            case Resolution.BASE:
                chosen = base
            case Resolution.DELETE:
                chosen = None
        self._resolved_count += 1
        if path in self._resolutions:
            self._used.add(path)
        return chosen

    def _open(self) -> None:
        """Open the highest of the heads that overlap with the one that ends first."""
        first_end = min(side.last for side in self._all if side.level != END)
        overlapping = [
            side
            for side in self._all
            if side.level >= 0 and not side.is_behind(first_end)
        ]
        level = max(side.level for side in overlapping)
        for side in overlapping:
            if side.level == level:
                side.open()

    def _bring_through(self, side: Frontier, path: bytes) -> None:
        """Bring everything of `side` up to `path` to the builder."""
        while not side.is_behind(path):
            if count := side.count_through(path):
                self._bring(side, count)
            else:
                side.open()

    def _bring(self, side: Frontier, count: int) -> bytes:
        """Bring `count` heads of `side` to the builder; return the last path."""
        if self._builder is not None:
            side.bring(self._builder, count)
        return side.take(count)


def _is_same(one: PackedEntry | None, other: PackedEntry | None) -> bool:
    """Tell whether two sides of a path are the same content, or both nothing."""
    if one is None or other is None:
        return one is other
    return same_identity(one, other)

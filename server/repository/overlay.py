"""A branch as its readers see it: staged changes laid over the tree of its head."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from operator import itemgetter

from ..ids import NodeId
from ..refs.store import Branch
from ..staging.store import Change, StagingScanner
from ..tree.cursor import Cursor
from ..tree.entry import FIXED, PackedEntry
from ..tree.lookup import Measure, find_many, measure_prefix
from ..tree.lookup import after_prefix as end_of_prefix
from ..tree.node import Row
from ..tree.source import NodeSource

SCAN_ROWS = 1000
"""Staged rows read at once: a page of a listing. Most need one scan."""
_EPOCH_MAX = 2**62
_PATH = itemgetter(0)


class StagedRows:
    """The live staged changes of a branch, in order, read as they are needed."""

    def __init__(self, scanner: StagingScanner, branch: Branch) -> None:
        self._scanner = scanner
        self._branch = branch
        self._window: list[Change] = []
        self._window_start: bytes | None = None
        self._is_last = False
        self._row = 0

    def seek(self, path: bytes) -> None:
        """Go to the first change at `path` or behind it."""
        covered = (
            self._window_start is not None
            and path >= self._window_start
            and (self._is_last or (self._window and path <= self._window[-1][0]))
        )
        if covered:
            self._row = bisect_left(self._window, path, key=_PATH)
        else:
            self._load(path, after=False)

    def peek(self) -> Change | None:
        """Return the change at the place, None behind the last."""
        if self._window_start is None:
            self._load(b"", after=False)
        if self._row == len(self._window) and not self._is_last:
            self._load(self._window[-1][0], after=True)
        return self._window[self._row] if self._row < len(self._window) else None

    def advance(self) -> None:
        """Go behind the change that `peek` returned."""
        self._row += 1

    def take_before(self, stop: bytes | None) -> list[Change]:
        """Return up to `SCAN_ROWS` changes before `stop`, and go behind them."""
        changes: list[Change] = []
        while len(changes) < SCAN_ROWS:
            change = self.peek()
            if change is None or (stop is not None and change[0] >= stop):
                break
            changes.append(change)
            self.advance()
        return changes

    def _load(self, start: bytes, *, after: bool) -> None:
        self._window = self._scanner.scan_staged_blocking(
            self._branch.id,
            epoch_min=self._branch.floor,
            epoch_max=_EPOCH_MAX,
            start=start,
            after=after,
            stop=None,
            limit=SCAN_ROWS,
        )
        self._window_start = start + b"\0" if after else start
        self._is_last = len(self._window) < SCAN_ROWS
        self._row = 0


class OverlayCursor:
    """Keeps `tree.cursor.RowCursor`: rows of the tree, but for what is staged."""

    def __init__(self, staged: StagedRows, base: Cursor | None) -> None:
        """Lay `staged` over `base`; None shows the staged rows alone."""
        self._staged = staged
        self._base = base
        self.staged_paths: set[bytes] = set()
        """Of the rows that were taken, those that are staged."""

    def seek(self, path: bytes) -> None:
        """Go to the first row at `path` or behind it."""
        self._staged.seek(path)
        if self._base is not None:
            self._base.seek(path)

    def take(self, limit: int) -> list[Row]:
        """Return up to `limit` rows and go behind them; [] at the end."""
        rows: list[Row] = []
        base = self._base
        while len(rows) < limit:
            change = self._staged.peek()
            if change is None:
                return rows + (base.take(limit - len(rows)) if base is not None else [])
            path, packed = change
            # A million deletes may come here before the first row: no row is read that
            # is not taken, and no seek starts again at the root.
            at = base.peek_path() if base is not None else None
            if base is not None and at is not None:
                if at < path:
                    rows += base.take(limit - len(rows), path)
                    continue
                if at == path:
                    base.skip()
            self._staged.advance()
            if packed is not None:
                rows.append((path, packed))
                self.staged_paths.add(path)
        return rows


def measure_overlay(
    nodes: NodeSource,
    tree_id: NodeId | None,
    staged: StagedRows,
    prefixes: Sequence[bytes],
) -> list[Measure]:
    """Return entries and bytes below each of `prefixes`, in their order.

    The staged rows below what all of them begin with are looked at once, however many
    prefixes there are.

    Args:
        nodes: where the nodes of `tree_id` are.
        tree_id: what `staged` is laid over; None: the staged rows alone count.
        staged: the changes of the branch.
        prefixes: of paths.
    """
    if not prefixes:
        return []
    ends = [end_of_prefix(prefix) for prefix in prefixes]
    shared = _common_beginning(prefixes)
    before = _measure_before(
        nodes,
        tree_id,
        staged,
        sorted({*prefixes, *(end for end in ends if end is not None)}),
        start=shared,
        stop=end_of_prefix(shared),
    )
    measures: list[Measure] = []
    for prefix, end in zip(prefixes, ends, strict=True):
        base = Measure(0, 0)
        if tree_id is not None:
            base = measure_prefix(nodes, tree_id, prefix)
        low, high = before[prefix], before[end]
        measures.append(
            Measure(
                base.entry_count + high.entry_count - low.entry_count,
                base.byte_total + high.byte_total - low.byte_total,
            )
        )
    return measures


def _measure_before(
    nodes: NodeSource,
    tree_id: NodeId | None,
    staged: StagedRows,
    marks: Sequence[bytes],
    *,
    start: bytes,
    stop: bytes | None,
) -> dict[bytes | None, Measure]:
    """Return what staged rows from `start` on add to the tree before each of `marks`.

    And, under None, what all of them do that come before `stop`. `marks` ascend.
    """
    found: dict[bytes | None, Measure] = {}
    entry_count = byte_total = 0
    ahead = deque(marks)
    staged.seek(start)
    while changes := staged.take_before(stop):
        old: dict[bytes, PackedEntry] = {}
        if tree_id is not None:
            old = find_many(nodes, tree_id, [path for path, _ in changes])
        for path, packed in changes:
            while ahead and ahead[0] <= path:
                found[ahead.popleft()] = Measure(entry_count, byte_total)
            replaced = old.get(path)
            if replaced is not None:
                entry_count -= 1
                byte_total -= FIXED.unpack_from(replaced)[1]
            if packed is not None:
                entry_count += 1
                byte_total += FIXED.unpack_from(packed)[1]
    for mark in (*ahead, None):
        found[mark] = Measure(entry_count, byte_total)
    return found


def _common_beginning(prefixes: Sequence[bytes]) -> bytes:
    """Return what all of `prefixes` begin with."""
    first, last = min(prefixes), max(prefixes)
    for at in range(len(first)):
        if first[at] != last[at]:
            return first[:at]
    return first

"""A branch as its readers see it: staged changes laid over the tree of its head."""

from __future__ import annotations

from bisect import bisect_left
from operator import itemgetter

from ..ids import NodeId
from ..refs.store import Branch
from ..staging.store import Change, StagingScanner
from ..tree.cursor import Cursor
from ..tree.entry import FIXED
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
    nodes: NodeSource, tree_id: NodeId, staged: StagedRows, prefix: bytes
) -> Measure:
    """Return entries and bytes below `prefix`; cost follows the staged rows there."""
    base = measure_prefix(nodes, tree_id, prefix)
    entry_count, byte_total = base.entry_count, base.byte_total
    end = end_of_prefix(prefix)
    staged.seek(prefix)
    while changes := staged.take_before(end):
        old = find_many(nodes, tree_id, [path for path, _ in changes])
        for path, packed in changes:
            replaced = old.get(path)
            if replaced is not None:
                entry_count -= 1
                byte_total -= FIXED.unpack_from(replaced)[1]
            if packed is not None:
                entry_count += 1
                byte_total += FIXED.unpack_from(packed)[1]
    return Measure(entry_count, byte_total)

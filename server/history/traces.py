"""Which paths a commit may have changed, in four bytes a path.

A log of one path asks each of 10^5 commits whether it changed that path; reading two
trees for each would take minutes. So every commit leaves *traces*: four bytes of the hash
of each path that it may have changed, against its first parent, and of each folder above.
A commit without the trace of a path did not change it. One with the trace may have, and
the trees say whether it did. The format is in `docs/format/database.md`; change both.

Source of the idea: the changed-path filters of Git's commit-graph.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from blake3 import blake3

TRACE_BYTES = 4
"""One of 4 * 10^9 other paths has the same: a log of 10^5 commits of ten traces each
reads trees for nothing once in 4,000 logs. Half would make it sixteen times a log."""

TRACES_MAX = 250
"""A kilobyte. What changes more has none, and its trees are always asked."""

NO_TRACES = b""
"""Of a commit that changed nothing."""

FOLDER = b"/"

C = TypeVar("C", bound=tuple[bytes, object])
"""A change: a path, and what became of it."""


def trace_of(name: bytes) -> bytes:
    """Return the trace of a path, or of a folder, which ends with `/`."""
    return blake3(name).digest(TRACE_BYTES)


def folders_of(path: bytes) -> Iterator[bytes]:
    """Yield the folders above `path`, each with the `/` at its end."""
    end = path.find(FOLDER)
    while end >= 0:
        yield path[: end + 1]
        end = path.find(FOLDER, end + 1)


class Traces:
    """Collects the traces of one commit."""

    def __init__(self) -> None:
        self._names: set[bytes] | None = set()

    @property
    def is_full(self) -> bool:
        """Whether there are too many: adding more is no use."""
        return self._names is None

    def add(self, path: bytes) -> None:
        """Add a path that may have changed."""
        if self._names is None:
            return
        self._names.add(path)
        self._names.update(folders_of(path))
        if len(self._names) > TRACES_MAX:
            self._names = None

    def follow(self, batches: Iterable[Sequence[C]]) -> Iterator[Sequence[C]]:
        """Yield `batches` as they are, adding the paths of their changes."""
        for batch in batches:
            if not self.is_full:
                for path, _ in batch[: TRACES_MAX + 1]:
                    self.add(path)
            yield batch

    def pack(self) -> bytes | None:
        """Return the traces as a commit keeps them; None if there are too many."""
        if self._names is None:
            return None
        return b"".join(sorted({trace_of(name) for name in self._names}))


class Wanted:
    """What a log is about: paths, and prefixes of paths."""

    def __init__(self, paths: Sequence[bytes], prefixes: Sequence[bytes]) -> None:
        names = [*paths, *(prefix[: prefix.rfind(FOLDER) + 1] for prefix in prefixes)]
        self._traces = () if b"" in names else tuple(map(trace_of, names))
        """Empty: of a prefix without a folder any commit may have changed something."""

    def may_be_in(self, traces: bytes | None) -> bool:
        """Tell whether a commit with these traces may have changed something of it."""
        if traces is None:
            return True
        if not self._traces:
            return traces != NO_TRACES
        # Found across two of them, it is one more that the trees have to be asked for.
        return any(trace in traces for trace in self._traces)

"""Checks one pack: its bytes, and the rows of the index that point into it."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from ...chunks.checking import CheckedFrame, PackCheck
from ...chunks.index import Location, StoredFrame
from ...chunks.reader import ChunkReader
from ...errors import CorruptDataError, MissingDataError, StorageFailedError
from ...ids import ChunkId, Kind
from ...storage.store import PackStorage
from ..contracts import Metadata
from .report import Fault, Key, Report
from .store import PackRow
from .structure import Structure

_BATCH_COUNT = 1024
_BATCH_BYTES = 8 * 1024 * 1024
"""Frames whose rows are looked up together. A batch of chunks keeps no bytes; one of the
largest nodes holds this much."""

_LOOK_INTO: frozenset[Kind] = frozenset({Kind.NODE, Kind.RECIPE, Kind.COMMIT, Kind.RUN})
"""What refers to something, or has fields: looked into. `UNSTRUCTURED` is the rest."""
UNSTRUCTURED: frozenset[Kind] = frozenset({Kind.CHUNK, Kind.EXTERNAL})
"""Whose hash says all that there is to say: what reads them decodes them."""

_BLAMED_ALONE_MAX = 20
"""Rows of one pack that are a fault each; more are one fault of the pack."""
_ROWS_PAGE = 10_000
"""Rows of the index listed together for a pack that is damaged: 3 MiB."""


class PackVerifier:
    """Checks packs; for any number of threads."""

    def __init__(
        self,
        storage: PackStorage,
        metadata: Metadata,
        chunks: ChunkReader,
        structure: Structure,
        report: Report,
    ) -> None:
        """Check packs of `storage` against the index of `metadata`."""
        self._storage = storage
        self._metadata = metadata
        self._chunks = chunks
        self._structure = structure
        self._report = report
        self._look_into: Mapping[Kind, Callable[[bytes, bytes], None]] = {
            Kind.NODE: structure.check_node,
            Kind.RECIPE: structure.check_recipe,
            Kind.COMMIT: structure.check_commit,
            Kind.RUN: structure.check_run,
        }

    def check(self, pack: PackRow) -> None:
        """Check `pack`; what is wrong goes into the report."""
        check = PackCheck(self._storage, pack.name, self._read_base)
        counts: Counter[str] = Counter()
        matched = array("Q")
        batch: list[CheckedFrame] = []
        batch_bytes = 0
        try:
            for frame in check.iter_frames():
                kind = frame.stored.kind
                counts[kind.name.lower()] += 1
                if kind not in _LOOK_INTO:
                    frame = CheckedFrame(frame.stored, b"", frame.reason)
                batch.append(frame)
                batch_bytes += len(frame.plain)
                if len(batch) >= _BATCH_COUNT or batch_bytes >= _BATCH_BYTES:
                    self._compare(batch, matched)
                    batch, batch_bytes = [], 0
        except MissingDataError:
            if pack.state != "writing" or pack.chunk_count:
                self._lose(pack, "it is not there")
            return
        except (CorruptDataError, StorageFailedError) as error:
            self._lose(pack, str(error))
            return
        self._compare(batch, matched)
        self._report.count_pack(check.size_bytes, counts)
        self._blame_pack(pack, check)
        if len(matched) < pack.chunk_count:
            self._blame_rows(pack, frozenset(matched))

    def _read_base(self, base: ChunkId) -> bytes:
        return self._chunks.read_blocking(Kind.CHUNK, [base])[0]

    def _compare(self, batch: list[CheckedFrame], matched: array[int]) -> None:
        """Compare frames with their rows; look into those that are stored here."""
        ids: dict[Kind, list[bytes]] = {}
        for frame in batch:
            ids.setdefault(frame.stored.kind, []).append(frame.stored.id)
        rows: dict[Key, Location] = {}
        for kind, some in ids.items():
            found = self._metadata.find_blocking(kind, list(dict.fromkeys(some)))
            rows.update(((kind, id_), place) for id_, place in found.items())
        for frame in batch:
            stored = frame.stored
            key = (stored.kind, stored.id)
            row, here = rows.get(key), stored.location
            is_used = row is not None and (row.pack, row.offset) == (
                here.pack,
                here.offset,
            )
            if is_used:
                matched.append(here.offset)
            if frame.reason:
                self._blame_frame(stored, frame.reason, is_used=is_used)
            elif is_used and row != here:
                self._blame_row(
                    stored, "the row of the index says other sizes or codec"
                )
            elif is_used and stored.kind in self._look_into:
                self._look_into[stored.kind](stored.id, frame.plain)

    def _blame_frame(self, stored: StoredFrame, reason: str, *, is_used: bool) -> None:
        name, at = stored.kind.name.lower(), stored.location
        if not is_used:
            self._report.note(
                f"a frame that nothing refers to is damaged: {name} '{stored.id.hex()}' "
                f"at {at.offset} of pack '{at.pack}': {reason}"
            )
            return
        fault = Fault(name, stored.id.hex(), reason, at.pack, at.offset)
        self._report.add_damaged(fault, [stored])

    def _blame_row(self, row: StoredFrame, reason: str) -> None:
        name, at = row.kind.name.lower(), row.location
        fault = Fault(name, row.id.hex(), reason, at.pack, at.offset)
        self._report.add_damaged(fault, [row])

    def _blame_pack(self, pack: PackRow, check: PackCheck) -> None:
        for fault in check.faults:
            self._report.add(
                Fault("pack", pack.name, fault.reason, pack.name, fault.offset)
            )
        if pack.state == "sealed" and check.size_bytes != pack.size_bytes:
            reason = f"it is {check.size_bytes} bytes long, and was {pack.size_bytes}"
            self._report.add(Fault("pack", pack.name, reason, pack.name))
        if check.torn is not None and pack.state == "sealed":
            self._report.note(
                f"pack '{pack.name}' ends torn at {check.torn.offset}, as its writer "
                f"died: {check.torn.reason}"
            )

    def _blame_rows(self, pack: PackRow, matched: frozenset[int]) -> None:
        """Blame the rows of the index that point at no frame of theirs in `pack`."""
        places = Counter(row.location.offset for row in self._iter_rows(pack.name))
        wrong: list[StoredFrame] = []
        for row in self._iter_rows(pack.name):
            at = row.location
            is_shared = places[at.offset] > 1
            if at.offset in matched and not is_shared:
                continue
            try:
                self._chunks.read_blocking(row.kind, [row.id])
            except (CorruptDataError, StorageFailedError):
                wrong.append(row)
                continue
            if not is_shared:
                # Readers need no header; who makes the index anew does.
                reason = "the header of its frame is damaged, and its bytes are right"
                name = row.kind.name.lower()
                fault = Fault(name, row.id.hex(), reason, at.pack, at.offset)
                self._report.add(fault)
        if len(wrong) <= _BLAMED_ALONE_MAX:
            for row in wrong:
                self._blame_row(
                    row, "the index says that it lies here, and it does not"
                )
        else:
            reason = f"the index puts {len(wrong)} things into it that are not there"
            fault = Fault("pack", pack.name, reason, pack.name)
            self._report.add_damaged(fault, wrong)

    def _iter_rows(self, pack: str) -> Iterator[StoredFrame]:
        """Yield the rows of the index that point into `pack`."""
        after = (-1, b"")
        count = _ROWS_PAGE
        while count == _ROWS_PAGE:
            rows = self._metadata.page_chunks_of_blocking(
                pack, after=after, limit=_ROWS_PAGE
            )
            yield from rows
            count = len(rows)
            after = (int(rows[-1].kind), rows[-1].id) if rows else after

    def _lose(self, pack: PackRow, reason: str) -> None:
        """Blame a whole pack."""
        rows = list(self._iter_rows(pack.name))
        fault = Fault("pack", pack.name, f"{reason}; {len(rows)} things lay in it")
        fault.pack = pack.name
        self._report.add_damaged(fault, rows)

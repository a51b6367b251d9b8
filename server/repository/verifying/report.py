"""What a verification found: counts of what it looked at, and each fault with its names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Lock

from ...chunks.index import Location, StoredFrame
from ...ids import Kind

FAULTS_MAX = 1000
"""Faults kept word for word, some 500 bytes each; more are counted. A disk that died
gives millions, and the first thousand say so."""
NAMES_MAX = 20
"""Names of one fault; more are counted: a damaged root concerns every path of a ref."""
_BROKEN_MAX = 1_000_000
"""Ids that are remembered to find their names, 150 bytes each."""

Key = tuple[Kind, bytes]
"""What is stored under an id."""


@dataclass(frozen=True, slots=True)
class Name:
    """What of a repository a fault concerns; what it does not name is empty."""

    repository: str
    ref: str = ""
    """A branch or tag; a commit id where no ref has it any more."""
    path: str = ""
    """An object; with ` ... ` in it a range of them, under a node that is gone."""


@dataclass(slots=True)
class Fault:
    """Something that is not as it was written."""

    what: str
    """The kind of thing: a word of `docs/recovery.md`."""
    id: str
    """Its id in hex, or its name."""
    reason: str
    pack: str = ""
    """The pack that it lies in, if it lies in one."""
    offset: int | None = None
    """Where in the pack."""
    names: list[Name] = field(default_factory=list[Name])
    """What it concerns, up to `NAMES_MAX`; nothing: no ref reaches it."""
    more_names: int = 0

    def add_name(self, name: Name) -> None:
        """Take `name` as one of those that the fault concerns."""
        if name in self.names:
            return
        if len(self.names) < NAMES_MAX:
            self.names.append(name)
        else:
            self.more_names += 1


@dataclass(slots=True)
class Report:
    """What was looked at and what was found; several threads add to it."""

    seed: int | None = None
    """Of the sample; None: everything was looked at."""
    packs_total: int = 0
    packs: int = 0
    """Packs that were looked at, of all."""
    pack_bytes: int = 0
    frames: Counter[str] = field(default_factory=Counter[str])
    """Frames by kind, each hashed."""
    rows: Counter[str] = field(default_factory=Counter[str])
    """Rows of the database by table."""
    faults: list[Fault] = field(default_factory=list[Fault])
    more_faults: int = 0
    notes: list[str] = field(default_factory=list[str])
    """What is unusual and no fault."""
    quarantined: int = 0
    """Chunks, nodes and the like that are stored anew when they come again."""
    healed: int = 0
    """Of those, how many are whole again."""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    broken: dict[Key, Fault] = field(default_factory=dict[Key, Fault])
    """What cannot be read, by what is wrong with it."""
    damaged: dict[Key, Location] = field(default_factory=dict[Key, Location])
    """What of it has bytes somewhere that are not the right ones."""
    _lock: Lock = field(default_factory=Lock)

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults

    def add(self, fault: Fault, broken: Iterable[Key] = ()) -> None:
        """Add `fault`, because of which `broken` cannot be read.

        Of several faults that break the same thing the first one stays.
        """
        keys = list(broken)
        with self._lock:
            fresh = [key for key in keys if key not in self.broken]
            if keys and not fresh:
                return
            if len(self.faults) < FAULTS_MAX:
                self.faults.append(fault)
            else:
                self.more_faults += 1
            if len(self.broken) < _BROKEN_MAX:
                self.broken.update((key, fault) for key in fresh)

    def add_damaged(self, fault: Fault, frames: Iterable[StoredFrame]) -> None:
        """Add `fault`, because of which `frames`, which the index knows, are damaged.

        If others that need one of them were blamed before us, we know better why.
        """
        some = list(frames)
        if len(some) == 1:
            self._explain(fault, (some[0].kind, some[0].id))
        self.add(fault, [(one.kind, one.id) for one in some])
        with self._lock:
            for one in some:
                if len(self.damaged) < _BROKEN_MAX:
                    self.damaged[one.kind, one.id] = one.location

    def _explain(self, fault: Fault, key: Key) -> None:
        """Let `fault` say what is wrong in the place of the one that `key` has."""
        with self._lock:
            before = self.broken.get(key)
            if before is not None and not before.pack:
                before.what, before.id = fault.what, fault.id
                before.pack, before.offset = fault.pack, fault.offset
                before.reason = f"{fault.reason}; {before.reason}"

    def note(self, text: str) -> None:
        """Add something unusual."""
        with self._lock:
            if len(self.notes) < FAULTS_MAX:
                self.notes.append(text)

    def count_pack(self, size_bytes: int, frames: Counter[str]) -> None:
        """Add what was looked at of a pack."""
        with self._lock:
            self.packs += 1
            self.pack_bytes += size_bytes
            self.frames.update(frames)

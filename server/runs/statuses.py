"""What may become of a run, and how an edge of it is known; numbers as the rows have them."""

from __future__ import annotations

from enum import IntEnum

from lakebed.client.wire.runs import ArtifactKind, RunStatus
from lakebed.client.wire.runs import How as HowWord


class Status(IntEnum):
    """Where a run is. The numbers are on disk: append only."""

    RUNNING = 0
    SUCCEEDED = 1
    FAILED = 2
    INTERRUPTED = 3
    LOST = 4

    @property
    def word(self) -> RunStatus:
        """What the record and the interface call it."""
        return _STATUS_WORDS[self]

    @classmethod
    def parse(cls, word: str) -> Status | None:
        """Return the status that is called `word`; None: there is none."""
        return next((one for one, name in _STATUS_WORDS.items() if name == word), None)


class How(IntEnum):
    """How it is known that a run read or wrote something."""

    DECLARED = 0
    OBSERVED = 1

    @property
    def word(self) -> HowWord:
        """What the record and the interface call it."""
        return "observed" if self is How.OBSERVED else "declared"

    @classmethod
    def parse(cls, word: str) -> How:
        """Return what `word` calls; a word of ours."""
        return cls.OBSERVED if word == "observed" else cls.DECLARED


def kind_of(is_prefix: bool) -> ArtifactKind:
    """Return what an object, or all below a prefix, is called."""
    return "prefix" if is_prefix else "file"


_STATUS_WORDS: dict[Status, RunStatus] = {
    Status.RUNNING: "running",
    Status.SUCCEEDED: "succeeded",
    Status.FAILED: "failed",
    Status.INTERRUPTED: "interrupted",
    Status.LOST: "lost",
}

"""What the registry asks of runs: their outputs, which become versions, and their inputs.

`metadata/` answers. A run is named by its 32 digits, by a unique beginning of them of at
least 7, or by the 64 digits of its sealed record.
"""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from ..ids import CommitId
from .store import Version

SUCCEEDED = 1
"""The status of a run that did what it was to do."""


class RunFacts(Struct, frozen=True, gc=False):
    """A run, as far as a version or a check needs to know it."""

    id: int
    name: str
    repository: str
    """Whose run it is."""
    status: int
    record: bytes | None
    """Id of the sealed record; None: it goes on."""


class OutputFacts(Struct, frozen=True, gc=False):
    """What a run published: an object, or all below a prefix."""

    repository_id: int
    repository: str
    branch: str
    commit_id: CommitId
    path: bytes
    is_prefix: bool
    identity: bytes
    size_bytes: int


class SourceReader(Protocol):
    """Reads of runs what the registry needs."""

    async def find_run_facts(self, text: str, *, limit: int) -> list[RunFacts]:
        """Return up to `limit` runs that `text` may name, of repositories that are there."""
        ...

    async def list_output_facts(self, run_id: int, *, limit: int) -> list[OutputFacts]:
        """Return up to `limit` outputs of a run that are still there, by path."""
        ...

    async def has_read_version(self, run_id: int, version: Version) -> bool:
        """Tell whether a run read files of a version.

        That is: from the repository `models`; or where the version came from, at that
        commit; or the same content anywhere.
        """
        ...

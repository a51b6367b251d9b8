"""The contract of everything that is named and moves.

`metadata/` keeps it in SQL; `tests/contracts/test_refs.py` holds every implementation
to these promises:

1. Branches and tags of a repository share one namespace.
2. A branch id is never used twice, not even after the branch was deleted.
3. `move_branch` moves a branch only from exactly the state that the caller saw: of any
   number of movers from one state, one wins.
4. Each change of a ref leaves a row in the ref log, in the same transaction. Times in
   the log of one ref never go back, whatever the clock does; the order is `sequence`.
5. A commit belongs to the repositories that recorded it; to others it does not exist.
6. Reads outside a transaction see every transaction that was acknowledged before.

Every method is async, because a database across a network comes later; the embedded one
never suspends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from msgspec import Struct

from ..history.step import CommitStep
from ..ids import CommitId

RefKind = Literal["branch", "tag"]


class Repository(Struct, frozen=True, gc=False):
    """A named history of versions."""

    id: int
    name: str
    storage_namespace: str
    """The label that lakeFS clients give and see; no bytes are placed by it."""
    default_branch: str
    created_ms: int
    read_only: bool = False
    protection: tuple[str, ...] = ()
    """Globs of the branches that change only by merges; see `protection.py`."""


class Branch(Struct, frozen=True, gc=False):
    """A movable ref, as one read saw it. `docs/design/transactions.md`."""

    id: int
    repository_id: int
    name: str
    head: CommitId
    epoch: int
    """The open epoch: staged writes go in under it."""
    floor: int
    """The lowest live epoch: staged rows below it are invisible."""
    resets: int
    """How often staged changes were thrown away."""
    hidden: bool
    created_ms: int


class Tag(Struct, frozen=True, gc=False):
    """A ref that does not move."""

    repository_id: int
    name: str
    commit_id: CommitId
    created_ms: int


Ref = Branch | Tag


@dataclass(frozen=True, slots=True)
class CommitRow:
    """A commit as a repository knows it."""

    id: CommitId
    record: bytes
    """Canonical bytes; `history.commit.decode_commit` reads them."""
    expired: bool = False
    """Retention collected its data; the record stays."""
    step: CommitStep | None = None
    """Given where it is recorded, so that walks find it; not read back."""


@dataclass(frozen=True, slots=True)
class RefLogEntry:
    """One move of a ref."""

    sequence: int
    repository_id: int
    ref: str
    kind: RefKind
    at_ms: int
    actor: str
    action: str
    """A word: create, commit, merge, revert, cherry-pick, hard-reset, undo, delete."""
    old: CommitId | None
    new: CommitId | None
    """None where the ref was deleted."""


class RefReader(Protocol):
    """Reads names."""

    async def find_repository(self, name: str) -> Repository | None:
        """Return the repository `name`, or None."""
        ...

    async def find_document(self, repository_id: int, name: str) -> bytes | None:
        """Return what is kept with a repository under `name`, or None."""
        ...

    async def list_repositories(
        self, *, prefix: str, after: str, limit: int
    ) -> list[Repository]:
        """Return up to `limit` repositories above `after`, by name."""
        ...

    async def find_ref(self, repository_id: int, name: str) -> Ref | None:
        """Return the branch or tag `name`, or None."""
        ...

    async def find_branch(self, branch_id: int) -> Branch | None:
        """Return the branch with that id, or None if it was deleted."""
        ...

    async def list_branches(
        self, repository_id: int, *, prefix: str, after: str, limit: int, hidden: bool
    ) -> list[Branch]:
        """Return up to `limit` branches above `after`, by name.

        `hidden` adds the hidden ones.
        """
        ...

    async def list_tags(
        self, repository_id: int, *, prefix: str, after: str, limit: int
    ) -> list[Tag]:
        """Return up to `limit` tags above `after`, by name."""
        ...

    async def find_commits(
        self, repository_id: int, ids: Sequence[CommitId]
    ) -> list[CommitRow | None]:
        """Return the commits of `ids`, in that order; None for each unknown one."""
        ...

    async def find_commit_ids(
        self, repository_id: int, hex_prefix: str, *, limit: int
    ) -> list[CommitId]:
        """Return up to `limit` ids of commits that begin with `hex_prefix`."""
        ...

    async def scan_steps(
        self,
        repository_id: int,
        *,
        generation: int,
        after: CommitId | None,
        limit: int,
    ) -> list[CommitStep]:
        """Return up to `limit` steps of all that was recorded in a repository.

        In descending order of generation, then ascending order of id, from `generation`
        on; `after` goes on behind that commit of it.
        """
        ...

    async def list_ref_log(
        self, repository_id: int, ref: str, *, before: int | None, limit: int
    ) -> list[RefLogEntry]:
        """Return up to `limit` moves of `ref` below sequence `before`, newest first."""
        ...

    async def find_ref_at(
        self, repository_id: int, ref: str, at_ms: int
    ) -> RefLogEntry | None:
        """Return the newest move of `ref` at or before `at_ms`, or None."""
        ...


class RefTransaction(Protocol):
    """Changes names, inside one write transaction."""

    async def create_repository(
        self,
        *,
        name: str,
        storage_namespace: str,
        default_branch: str,
        read_only: bool,
        created_ms: int,
    ) -> Repository:
        """Create a repository without refs.

        Raises:
            RepositoryExistsError: the name is taken.
        """
        ...

    async def set_protection(
        self, repository_id: int, patterns: tuple[str, ...]
    ) -> None:
        """Replace the globs of protected branches."""
        ...

    async def set_document(
        self, repository_id: int, name: str, document: bytes | None
    ) -> None:
        """Keep `document` with a repository under `name`; None: keep none."""
        ...

    async def delete_repository(self, repository_id: int) -> None:
        """Delete a repository, its refs, commits and staged changes."""
        ...

    async def record_commit(self, repository_id: int, commit: CommitRow) -> None:
        """Make `commit` one of the repository's; again is nothing."""
        ...

    async def create_branch(
        self,
        repository_id: int,
        name: str,
        head: CommitId,
        *,
        hidden: bool,
        actor: str,
        now_ms: int,
    ) -> Branch:
        """Create a branch at `head`.

        Raises:
            RefExistsError: a branch or tag has that name.
        """
        ...

    async def create_tag(
        self,
        repository_id: int,
        name: str,
        commit_id: CommitId,
        *,
        actor: str,
        now_ms: int,
    ) -> Tag:
        """Create a tag.

        Raises:
            RefExistsError: a branch or tag has that name.
        """
        ...

    async def delete_ref(
        self, repository_id: int, name: str, *, kind: RefKind, actor: str, now_ms: int
    ) -> bool:
        """Delete a branch (with its staged changes) or a tag; tell if there was one."""
        ...

    async def lock_branch(self, branch_id: int) -> Branch | None:
        """Return the branch, locked until the transaction ends; None if deleted."""
        ...

    async def seal_epoch(self, branch_id: int) -> Branch | None:
        """Open the next epoch if the open one has rows; return the branch then."""
        ...

    async def move_branch(
        self,
        seen: Branch,
        *,
        head: CommitId,
        floor: int,
        action: str,
        actor: str,
        now_ms: int,
    ) -> bool:
        """Move `seen` to `head` and raise its floor; tell whether it was still so.

        Compares branch id, head, floor and resets with `seen`; writes the ref log if
        `head` differs from the old one.
        """
        ...

    async def discard_staged(
        self, branch_id: int, *, path: bytes | None = None, prefix: bytes | None = None
    ) -> int:
        """Throw away live staged changes: all, of `path`, or below `prefix`.

        Bumps `resets` if any went. Returns how many rows that are (of all: 1 if any).
        """
        ...

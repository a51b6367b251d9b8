"""The contract of models, their versions, and the aliases that move over them.

`metadata/` keeps it in SQL; `tests/contracts/test_models.py` holds every implementation
to these promises:

1. The numbers of a model's versions are 1, 2, 3 ...; none is given twice, not even after
   its version, or the whole model, was deleted and the name is used again.
2. A version never changes, but for what is said of it by others: checks and approvals.
3. Each move of an alias leaves a row in the log of that alias, in the same transaction.
   The log stays when alias or model are deleted. Times in it never go back.
4. A deleted model is not there any more, nor are its versions, aliases and rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from ..ids import CommitId
from .rules import AliasMove, AliasRule, Approval, Check, Person


class Model(Struct, frozen=True, gc=False):
    """Versions under one name."""

    id: int
    name: str
    description: str
    user: str
    """Who registered the first version."""
    created_ms: int
    last_number: int
    """The highest number that was given."""


class Origin(Struct, frozen=True, gc=False):
    """Where a version comes from, by name."""

    run: str
    """Name of the run: 32 digits."""
    record: bytes
    """Id of its sealed record."""
    grade: str | None
    repository: str
    """Where the run published it."""


class Version(Struct, frozen=True, gc=False):
    """An output of a sealed run, under a number."""

    model_id: int
    number: int
    run_id: int
    repository_id: int
    """Where the run published it."""
    commit_id: CommitId
    path: bytes
    is_prefix: bool
    identity: bytes
    """Blob id of a file, content id below a prefix."""
    files: int
    size_bytes: int
    files_commit: CommitId
    """Of the repository `models`: the files alone."""
    description: str
    metadata: bytes
    """JSON: texts by key."""
    user_id: int
    user: str
    created_ms: int
    origin: Origin | None = None
    """Read back, not written."""

    @property
    def author(self) -> Person:
        """Who registered it."""
        return Person(self.user_id, self.user)


class AliasAt(Struct, frozen=True, gc=False):
    """Where an alias is."""

    model_id: int
    alias: str
    number: int


class Need(Struct, frozen=True, gc=False):
    """Something that needs what somebody wants to delete."""

    kind: str
    """`run`, `version` or `check`."""
    name: str
    """What people call it by."""


class ModelReader(Protocol):
    """Reads models."""

    async def find_model(self, name: str) -> Model | None:
        """Return the model `name`, or None."""
        ...

    async def find_last_number(self, name: str) -> int:
        """Return the highest number ever given to a version under a name, or 0."""
        ...

    async def list_models(self, *, prefix: str, after: str, limit: int) -> list[Model]:
        """Return up to `limit` models above `after`, by name."""
        ...

    async def find_version(self, model_id: int, number: int) -> Version | None:
        """Return a version, or None."""
        ...

    async def find_version_by_files(
        self, model_id: int, files_commit: CommitId
    ) -> Version | None:
        """Return the version whose files a commit of `models` has, or None."""
        ...

    async def list_versions(
        self, model_id: int, *, before: int | None, limit: int
    ) -> list[Version]:
        """Return up to `limit` versions with numbers below `before`, newest first."""
        ...

    async def list_newest(self, model_ids: Sequence[int]) -> dict[int, int]:
        """Return the number of the newest version of each model that has one."""
        ...

    async def list_aliases(self, model_ids: Sequence[int]) -> list[AliasAt]:
        """Return the aliases of models, by model and alias."""
        ...

    async def list_alias_moves(
        self, model_id: int, alias: str, *, before: int | None, limit: int
    ) -> list[AliasMove]:
        """Return up to `limit` moves of an alias below sequence `before`, newest first."""
        ...

    async def list_rules(self, model_ids: Sequence[int]) -> list[tuple[int, AliasRule]]:
        """Return the rules of models, by model and alias."""
        ...

    async def list_approvals(
        self, model_id: int, numbers: Sequence[int]
    ) -> list[Approval]:
        """Return the approvals of versions, oldest first."""
        ...

    async def list_checks(self, model_id: int, numbers: Sequence[int]) -> list[Check]:
        """Return the checks of versions, by name."""
        ...

    async def list_needs_of_repository(
        self, repository_id: int, *, limit: int
    ) -> list[Need]:
        """Return up to `limit` things that need a repository, or runs of it.

        Versions whose files came from there, or whose run or checks are of it; and runs
        of other repositories that name a commit of it, or a run of it.
        """
        ...

    async def has_read_version(self, run_id: int, version: Version) -> bool:
        """Tell whether a run read files of a version.

        That is: from the repository `models`; or where the version came from, at that
        commit; or the same content anywhere.
        """
        ...


class ModelTransaction(Protocol):
    """Changes models, inside one write transaction."""

    async def create_model(self, name: str, *, user: str, now_ms: int) -> Model:
        """Create a model without versions, or one that was deleted once more.

        The name is not taken: look for it in the same transaction.
        """
        ...

    async def set_model_description(self, model_id: int, description: str) -> None:
        """Replace what is said of a model."""
        ...

    async def add_version(self, version: Version) -> Version:
        """Add a version under the next number, whatever its own is; return it with it."""
        ...

    async def delete_version(self, model_id: int, number: int) -> bool:
        """Delete a version with its checks and approvals; tell if there was one."""
        ...

    async def delete_model(self, model_id: int) -> None:
        """Delete a model with its versions, aliases and rules."""
        ...

    async def set_alias(
        self,
        model_id: int,
        alias: str,
        number: int | None,
        *,
        action: str,
        user: str,
        reason: str,
        now_ms: int,
    ) -> AliasMove:
        """Move an alias to a version, or delete it if that is None; return the move."""
        ...

    async def set_rules(self, model_id: int, rules: Sequence[AliasRule]) -> None:
        """Replace the rules of a model."""
        ...

    async def put_approval(self, model_id: int, approval: Approval) -> None:
        """Keep an approval, in place of the same person's for the same alias."""
        ...

    async def remove_approval(
        self, model_id: int, number: int, alias: str, user_id: int
    ) -> bool:
        """Remove somebody's approval; tell if there was one."""
        ...

    async def put_check(
        self,
        model_id: int,
        number: int,
        name: str,
        *,
        run_id: int,
        has_passed: bool,
        user: str,
        now_ms: int,
    ) -> None:
        """Keep a check of a version, in place of the one of that name."""
        ...

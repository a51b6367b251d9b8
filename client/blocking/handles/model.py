# Made from client/handles/model.py by `python3 tasks.py blocking`: change that one.
"""A model by name: its versions, the aliases that move over them, and their files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ... import tables
from ...errors import NotFoundError
from ...wire import models as wire
from .listing import Listing
from .ref import Ref

if TYPE_CHECKING:
    from .lake import Lake

FILES = "models"
"""The repository that the files of versions are read from."""


class Model:
    """A model of a lake, whether or not there is one of that name.

    A version is named by its number, or by an alias that is at it.
    """

    def __init__(self, lake: Lake, name: str) -> None:
        self.lake = lake
        self.name = name

    def exists(self) -> bool:
        """Return whether there is a model of that name."""
        try:
            self.describe()
        except NotFoundError:
            return False
        return True

    def describe(self) -> wire.Model:
        """Return what the server says of it.

        Raises:
            NotFoundError: there is none of that name.
        """
        return self.lake.client.get_model(self.name)

    def register(
        self,
        run: str,
        *,
        path: str | None = None,
        description: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> wire.ModelVersion:
        """Make an output of a sealed run the next version; of a new model the first.

        Args:
            run: its id, the unique beginning of it, or the id of its record.
            path: which output, where there are several: its path, or what lies above.

        Raises:
            NotFoundError: there is no such run.
            InvalidRequestError: there is no such output, or several that it could be.
            ConflictError: the run goes on, did not succeed, or has no output.
        """
        return self.lake.client.register_model(
            self.name, run, path=path, description=description, metadata=metadata
        )

    def versions(self, *, limit: int | None = None) -> Listing[wire.ModelVersion]:
        """List the versions, newest first."""

        def ask(most: int | None) -> Iterator[wire.ModelVersion]:
            return self.lake.client.iter_model_versions(self.name, limit=most)

        title = f"versions of {self.name}"
        return Listing(title, ask, lambda found: found, limit=limit)

    def version(self, version: int | str) -> wire.ModelVersion:
        """Return a version, by its number or an alias.

        Raises:
            NotFoundError: there is none.
        """
        return self.lake.client.get_model_version(self.name, version)

    def files(self, version: int | str | None = None) -> Ref:
        """Return where the files of a version are read; asks nobody.

        Args:
            version: a number or an alias; None is the newest version.
        """
        at = self.name if version is None else f"{self.name}@{version}"
        return self.lake.repository(FILES).ref(at)

    def aliases(self) -> Listing[wire.Alias]:
        """List the aliases, by name."""

        def ask(most: int | None) -> Iterator[wire.Alias]:
            return self.lake.client.iter_model_aliases(self.name, limit=most)

        return Listing(f"aliases of {self.name}", ask, lambda found: found)

    def promote(self, version: int, alias: str, *, reason: str = "") -> wire.Alias:
        """Move an alias to a version, and make it if there is none of that name.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: the rules of the alias ask for more than the version has.
        """
        return self.lake.client.promote_model(self.name, version, alias, reason=reason)

    def rollback(self, alias: str, *, reason: str = "") -> wire.Alias:
        """Put an alias back to before its last move that was not rolled back.

        Again goes further back; an alias that was deleted is there again.

        Raises:
            NotFoundError: there never was such an alias.
            ConflictError: there is nothing to go back to, or that version was deleted.
        """
        return self.lake.client.rollback_model(self.name, alias, reason=reason)

    def delete_alias(self, alias: str, *, reason: str = "") -> None:
        """Delete an alias; its log stays.

        Raises:
            NotFoundError: there is none.
        """
        self.lake.client.delete_model_alias(self.name, alias, reason=reason)

    def log(
        self, alias: str, *, limit: int | None = None
    ) -> Listing[wire.AliasLogEntry]:
        """List the moves of an alias, newest first, also of a deleted one."""

        def ask(most: int | None) -> Iterator[wire.AliasLogEntry]:
            return self.lake.client.iter_model_alias_log(self.name, alias, limit=most)

        title = f"moves of {self.name}@{alias}"
        return Listing(title, ask, lambda found: found, limit=limit)

    def approve(
        self, version: int | str, alias: str, *, comment: str = ""
    ) -> wire.Approval:
        """Approve a version for an alias, which somebody else will move there.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: whoever asks registered it.
        """
        return self.lake.client.approve_model(
            self.name, version, alias, comment=comment
        )

    def check(self, version: int | str, check: str, run: str) -> wire.Check:
        """Record that the sealed `run` judged a version; it passes if the run succeeded.

        Raises:
            NotFoundError: there is no such version, or run.
            ConflictError: the run goes on, or did not read files of the version.
        """
        return self.lake.client.check_model(self.name, version, check, run)

    def rules(self) -> list[wire.AliasRule]:
        """Return what the aliases ask of a version.

        Raises:
            NotFoundError: there is no such model.
        """
        return self.lake.client.get_model_rules(self.name)

    def set_rules(self, rules: Sequence[wire.AliasRule]) -> list[wire.AliasRule]:
        """Set what the aliases ask of a version, all of them.

        Raises:
            NotFoundError: there is no such model.
            InvalidRequestError: an alias, or a check, can have no such name.
        """
        return self.lake.client.set_model_rules(self.name, rules)

    def delete_version(self, version: int | str) -> None:
        """Delete a version; its number is not used again.

        Raises:
            NotFoundError: there is none.
            ConflictError: an alias is at it.
        """
        self.lake.client.delete_model_version(self.name, version)

    def delete(self) -> None:
        """Delete the model with all its versions.

        Raises:
            NotFoundError: there is none.
            ConflictError: it has an alias.
        """
        self.lake.client.delete_model(self.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str, str]:
        return self.lake.server, self.name

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<model {self.name}>"

    def _repr_html_(self) -> str:
        return tables.facts("model", [("name", self.name)])

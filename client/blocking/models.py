"""Models, without `await`: see `operations/models.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..wire.models import (
    Alias,
    AliasLogEntry,
    AliasRule,
    Approval,
    Check,
    Model,
    ModelVersion,
)
from .operations import BlockingOperations


class BlockingModelOperations(BlockingOperations):
    """Register, promote, roll back, judge, delete.

    A version is named by its number or by an alias that is at it. Its files are read as
    any others: in the repository `models`, at the ref `NAME@VERSION`.
    """

    def register_model(
        self,
        name: str,
        run: str,
        *,
        path: str | None = None,
        description: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """Make an output of a sealed run the next version of the model `name`.

        Args:
            name: there need not be such a model yet.
            run: its id, the unique beginning of it, or the id of its record.
            path: which output, where there are several: its path, or what lies above.

        Raises:
            NotFoundError: there is no such run.
            InvalidRequestError: there is no such output, or several that it could be.
            ConflictError: the run goes on, did not succeed, or has no output.
        """
        return self._loop.run(
            self._lake.register_model(
                name, run, path=path, description=description, metadata=metadata
            )
        )

    def iter_models(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> Iterator[Model]:
        """Yield the models whose names begin with `prefix`, by name."""
        return self._loop.iterate(
            self._lake.iter_models(prefix=prefix, after=after, limit=limit)
        )

    def get_model(self, name: str) -> Model:
        """Return the model `name`.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.get_model(name))

    def describe_model(self, name: str, description: str) -> Model:
        """Replace what is said of the model `name`.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.describe_model(name, description))

    def delete_model(self, name: str) -> None:
        """Delete the model `name` with all its versions.

        Raises:
            NotFoundError: there is none.
            ConflictError: it has an alias.
        """
        self._loop.run(self._lake.delete_model(name))

    def iter_model_versions(
        self, name: str, *, after: str = "", limit: int | None = None
    ) -> Iterator[ModelVersion]:
        """Yield the versions of the model `name`, newest first.

        Raises:
            NotFoundError: there is no such model.
        """
        return self._loop.iterate(
            self._lake.iter_model_versions(name, after=after, limit=limit)
        )

    def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """Return a version of the model `name`, by its number or an alias.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.get_model_version(name, version))

    def delete_model_version(self, name: str, version: int | str) -> None:
        """Delete a version; its number is not used again.

        Raises:
            NotFoundError: there is none.
            ConflictError: an alias is at it.
        """
        self._loop.run(self._lake.delete_model_version(name, version))

    def check_model(self, name: str, version: int | str, check: str, run: str) -> Check:
        """Record that the sealed `run` judged a version; it passes if the run succeeded.

        Raises:
            NotFoundError: there is no such version, or run.
            ConflictError: the run goes on, or did not read files of the version.
        """
        return self._loop.run(self._lake.check_model(name, version, check, run))

    def approve_model(
        self, name: str, version: int | str, alias: str, *, comment: str = ""
    ) -> Approval:
        """Approve a version for an alias, which somebody else will move there.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: whoever asks registered it.
        """
        return self._loop.run(
            self._lake.approve_model(name, version, alias, comment=comment)
        )

    def withdraw_model_approval(
        self, name: str, version: int | str, alias: str
    ) -> None:
        """Take back one's approval of a version for an alias.

        Raises:
            NotFoundError: there is no such version, or no such approval.
        """
        self._loop.run(self._lake.withdraw_model_approval(name, version, alias))

    def get_model_rules(self, name: str) -> list[AliasRule]:
        """Return what the aliases of the model `name` ask of a version.

        Raises:
            NotFoundError: there is no such model.
        """
        return self._loop.run(self._lake.get_model_rules(name))

    def set_model_rules(self, name: str, rules: Sequence[AliasRule]) -> list[AliasRule]:
        """Set what the aliases of the model `name` ask of a version, all of them.

        Raises:
            NotFoundError: there is no such model.
            InvalidRequestError: an alias, or a check, can have no such name.
        """
        return self._loop.run(self._lake.set_model_rules(name, rules))

    def iter_model_aliases(
        self, name: str, *, limit: int | None = None
    ) -> Iterator[Alias]:
        """Yield the aliases of the model `name`, by name.

        Raises:
            NotFoundError: there is no such model.
        """
        return self._loop.iterate(self._lake.iter_model_aliases(name, limit=limit))

    def get_model_alias(self, name: str, alias: str) -> Alias:
        """Return where an alias is, and who brought it there.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.get_model_alias(name, alias))

    def promote_model(
        self, name: str, version: int, alias: str, *, reason: str = ""
    ) -> Alias:
        """Move an alias to a version, and make it if there is none of that name.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: the rules of the alias ask for more than the version has.
        """
        return self._loop.run(
            self._lake.promote_model(name, version, alias, reason=reason)
        )

    def rollback_model(self, name: str, alias: str, *, reason: str = "") -> Alias:
        """Put an alias back to before its last move that was not rolled back.

        Again goes further back; an alias that was deleted is there again.

        Raises:
            NotFoundError: there never was such an alias.
            ConflictError: there is nothing to go back to, or that version was deleted.
        """
        return self._loop.run(self._lake.rollback_model(name, alias, reason=reason))

    def delete_model_alias(self, name: str, alias: str, *, reason: str = "") -> None:
        """Delete an alias; its log stays.

        Raises:
            NotFoundError: there is none.
        """
        self._loop.run(self._lake.delete_model_alias(name, alias, reason=reason))

    def iter_model_alias_log(
        self, name: str, alias: str, *, after: str = "", limit: int | None = None
    ) -> Iterator[AliasLogEntry]:
        """Yield the moves of an alias, newest first, also of a deleted one.

        Raises:
            NotFoundError: there never was such an alias.
        """
        return self._loop.iterate(
            self._lake.iter_model_alias_log(name, alias, after=after, limit=limit)
        )

    def fix_model_ref(self, ref: str) -> str:
        """Return the ref of the version that `ref` of `models` is at now: `fraud@3`.

        What is read in several requests is read there, so that it is one version though
        somebody moves the alias. An expression such as `fraud@prod~1` stays what it is.

        Raises:
            NotFoundError: there is no such model, version or alias.
        """
        return self._loop.run(self._lake.fix_model_ref(ref))

"""Models: versions made of outputs of runs, and aliases that move over them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from ..errors import InvalidRequestError
from ..transport import Call
from ..wire import Page, routes
from ..wire.models import (
    Alias,
    AliasLogEntry,
    AliasMove,
    AliasRollback,
    AliasRule,
    AliasRules,
    Approval,
    ApprovalCreation,
    Check,
    CheckCreation,
    Model,
    ModelRegistration,
    ModelUpdate,
    ModelVersion,
)
from .fixing import MODELS, fix_ref
from .paging import Operations, new_key


class ModelOperations(Operations):
    """Register, promote, roll back, judge, delete.

    A version is named by its number or by an alias that is at it. Its files are read as
    any others: in the repository `models`, at the ref `NAME@VERSION`.
    """

    async def register_model(
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
        body = ModelRegistration(
            run=run, path=path, description=description, metadata=dict(metadata or {})
        )
        call = Call(
            f"register run '{run}' as '{name}'",
            "POST",
            routes.fill(routes.MODEL_VERSIONS, model=name),
            body=body,
            headers=new_key(),
            repeatable=True,
        )
        return await self._transport.fetch(call, ModelVersion)

    def iter_models(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> AsyncIterator[Model]:
        """Yield the models whose names begin with `prefix`, by name."""
        query = (("prefix", prefix),) if prefix else ()
        call = Call("list models", "GET", routes.MODELS, query=query, repeatable=True)
        return self._iter_pages(call, Page[Model], after=after, limit=limit)

    async def get_model(self, name: str) -> Model:
        """Return the model `name`.

        Raises:
            NotFoundError: there is none.
        """
        path = routes.fill(routes.MODEL, model=name)
        call = Call(f"read model '{name}'", "GET", path, repeatable=True)
        return await self._transport.fetch(call, Model)

    async def describe_model(self, name: str, description: str) -> Model:
        """Replace what is said of the model `name`.

        Raises:
            NotFoundError: there is none.
        """
        path = routes.fill(routes.MODEL, model=name)
        body = ModelUpdate(description=description)
        what = f"describe model '{name}'"
        call = Call(what, "PUT", path, body=body, repeatable=True)
        return await self._transport.fetch(call, Model)

    async def delete_model(self, name: str) -> None:
        """Delete the model `name` with all its versions.

        Raises:
            NotFoundError: there is none.
            ConflictError: it has an alias.
        """
        path = routes.fill(routes.MODEL, model=name)
        call = Call(f"delete model '{name}'", "DELETE", path, repeatable=True)
        await self._transport.delete(call)

    def iter_model_versions(
        self, name: str, *, after: str = "", limit: int | None = None
    ) -> AsyncIterator[ModelVersion]:
        """Yield the versions of the model `name`, newest first.

        Raises:
            NotFoundError: there is no such model.
        """
        path = routes.fill(routes.MODEL_VERSIONS, model=name)
        call = Call(f"list versions of '{name}'", "GET", path, repeatable=True)
        return self._iter_pages(call, Page[ModelVersion], after=after, limit=limit)

    async def get_model_version(self, name: str, version: int | str) -> ModelVersion:
        """Return a version of the model `name`, by its number or an alias.

        Raises:
            NotFoundError: there is none.
        """
        call = self._on_version(name, version, "read", "GET", routes.MODEL_VERSION)
        return await self._transport.fetch(call, ModelVersion)

    async def delete_model_version(self, name: str, version: int | str) -> None:
        """Delete a version; its number is not used again.

        Raises:
            NotFoundError: there is none.
            ConflictError: an alias is at it.
        """
        call = self._on_version(name, version, "delete", "DELETE", routes.MODEL_VERSION)
        await self._transport.delete(call)

    async def check_model(
        self, name: str, version: int | str, check: str, run: str
    ) -> Check:
        """Record that the sealed `run` judged a version; it passes if the run succeeded.

        Raises:
            NotFoundError: there is no such version, or run.
            ConflictError: the run goes on, or did not read files of the version.
        """
        body = CheckCreation(name=check, run=run)
        call = self._on_version(
            name, version, "check", "POST", routes.MODEL_CHECKS, body=body
        )
        return await self._transport.fetch(call, Check)

    async def approve_model(
        self, name: str, version: int | str, alias: str, *, comment: str = ""
    ) -> Approval:
        """Approve a version for an alias, which somebody else will move there.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: whoever asks registered it.
        """
        body = ApprovalCreation(alias=alias, comment=comment)
        call = self._on_version(
            name, version, "approve", "POST", routes.MODEL_APPROVALS, body=body
        )
        return await self._transport.fetch(call, Approval)

    async def withdraw_model_approval(
        self, name: str, version: int | str, alias: str
    ) -> None:
        """Take back one's approval of a version for an alias.

        Raises:
            NotFoundError: there is no such version, or no such approval.
        """
        call = self._on_version(
            name,
            version,
            "take back the approval of",
            "DELETE",
            routes.MODEL_APPROVALS,
            query=(("alias", alias),),
        )
        await self._transport.delete(call)

    async def get_model_rules(self, name: str) -> list[AliasRule]:
        """Return what the aliases of the model `name` ask of a version.

        Raises:
            NotFoundError: there is no such model.
        """
        path = routes.fill(routes.MODEL_RULES, model=name)
        call = Call(f"read the rules of '{name}'", "GET", path, repeatable=True)
        return (await self._transport.fetch(call, AliasRules)).rules

    async def set_model_rules(
        self, name: str, rules: Sequence[AliasRule]
    ) -> list[AliasRule]:
        """Set what the aliases of the model `name` ask of a version, all of them.

        Raises:
            NotFoundError: there is no such model.
            InvalidRequestError: an alias, or a check, can have no such name.
        """
        path = routes.fill(routes.MODEL_RULES, model=name)
        body = AliasRules(rules=list(rules))
        what = f"set the rules of '{name}'"
        call = Call(what, "PUT", path, body=body, repeatable=True)
        return (await self._transport.fetch(call, AliasRules)).rules

    def iter_model_aliases(
        self, name: str, *, limit: int | None = None
    ) -> AsyncIterator[Alias]:
        """Yield the aliases of the model `name`, by name.

        Raises:
            NotFoundError: there is no such model.
        """
        path = routes.fill(routes.MODEL_ALIASES, model=name)
        call = Call(f"list aliases of '{name}'", "GET", path, repeatable=True)
        return self._iter_pages(call, Page[Alias], limit=limit)

    async def get_model_alias(self, name: str, alias: str) -> Alias:
        """Return where an alias is, and who brought it there.

        Raises:
            NotFoundError: there is none.
        """
        call = self._on_alias(name, alias, "read", "GET", routes.MODEL_ALIAS)
        return await self._transport.fetch(call, Alias)

    async def promote_model(
        self, name: str, version: int, alias: str, *, reason: str = ""
    ) -> Alias:
        """Move an alias to a version, and make it if there is none of that name.

        Raises:
            NotFoundError: there is no such version.
            ConflictError: the rules of the alias ask for more than the version has.
        """
        body = AliasMove(version=version, reason=reason)
        call = self._on_alias(name, alias, "move", "PUT", routes.MODEL_ALIAS, body=body)
        return await self._transport.fetch(call, Alias)

    async def rollback_model(self, name: str, alias: str, *, reason: str = "") -> Alias:
        """Put an alias back to before its last move that was not rolled back.

        Again goes further back; an alias that was deleted is there again.

        Raises:
            NotFoundError: there never was such an alias.
            ConflictError: there is nothing to go back to, or that version was deleted.
        """
        body = AliasRollback(reason=reason)
        path = routes.fill(routes.MODEL_ALIAS_ROLLBACK, model=name, alias=alias)
        # Sent twice it would go back twice.
        call = Call(f"roll back '{name}@{alias}'", "POST", path, body=body)
        return await self._transport.fetch(call, Alias)

    async def delete_model_alias(
        self, name: str, alias: str, *, reason: str = ""
    ) -> None:
        """Delete an alias; its log stays.

        Raises:
            NotFoundError: there is none.
        """
        call = self._on_alias(
            name,
            alias,
            "delete",
            "DELETE",
            routes.MODEL_ALIAS,
            query=(("reason", reason),) if reason else (),
        )
        await self._transport.delete(call)

    def iter_model_alias_log(
        self, name: str, alias: str, *, after: str = "", limit: int | None = None
    ) -> AsyncIterator[AliasLogEntry]:
        """Yield the moves of an alias, newest first, also of a deleted one.

        Raises:
            NotFoundError: there never was such an alias.
        """
        path = routes.fill(routes.MODEL_ALIAS_LOG, model=name, alias=alias)
        call = Call(f"list moves of '{name}@{alias}'", "GET", path, repeatable=True)
        return self._iter_pages(call, Page[AliasLogEntry], after=after, limit=limit)

    async def fix_model_ref(self, ref: str) -> str:
        """Return the ref of the version that `ref` of `models` is at now: `fraud@3`.

        What is read in several requests is read there, so that it is one version though
        somebody moves the alias. An expression such as `fraud@prod~1` stays what it is.

        Raises:
            NotFoundError: there is no such model, version or alias.
        """
        return await fix_ref(self._transport, MODELS, ref)

    @staticmethod
    def _on_version(
        name: str,
        version: int | str,
        verb: str,
        method: str,
        template: str,
        *,
        body: CheckCreation | ApprovalCreation | None = None,
        query: tuple[tuple[str, str], ...] = (),
    ) -> Call:
        path = routes.fill(template, model=name, version=str(version))
        what = f"{verb} '{name}@{version}'"
        return Call(what, method, path, body=body, query=query, repeatable=True)

    @staticmethod
    def _on_alias(
        name: str,
        alias: str,
        verb: str,
        method: str,
        template: str,
        *,
        body: AliasMove | None = None,
        query: tuple[tuple[str, str], ...] = (),
    ) -> Call:
        if not alias:  # which would be the address of all of them
            raise InvalidRequestError(
                f"cannot {verb} an alias of '{name}': its name is empty: give one"
            )
        path = routes.fill(template, model=name, alias=alias)
        what = f"{verb} '{name}@{alias}'"
        return Call(what, method, path, body=body, query=query, repeatable=True)

"""Aliases: move, roll back, delete, look back. Rules hold in the transaction of the move."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import (
    ConflictError,
    ModelVersionNotFoundError,
    PromotionRefusedError,
    TooManyError,
)
from ..registry.names import alias_ref, check_alias, version_ref
from ..registry.rules import (
    DELETE,
    PROMOTE,
    ROLLBACK,
    AliasMove,
    find_refusals,
    find_rollback,
)
from ..registry.store import Model, ModelReader, Version
from ..repository.contracts import Snapshot, WriteTransaction
from ..repository.engine import Engine
from ..repository.paging import Page, check_limit, cut_page
from . import model_refs
from .callers import Caller
from .models import check_text, person_of, require_model, require_version

ALIASES_MAX = 100
"""Of one model. More are a list of versions, which there is already."""
ROLLBACK_MOVES_MAX = 10_000
"""Moves that a rollback looks back over: more than anyone takes back by hand."""


@dataclass(frozen=True, slots=True)
class AliasView:
    """Where an alias is, and the move that brought it there."""

    model: str
    alias: str
    number: int
    move: AliasMove


async def get_alias(engine: Engine, name: str, alias: str) -> AliasView:
    """Return where an alias is.

    Raises:
        ModelNotFoundError
        ModelVersionNotFoundError: the model has no such alias.
    """

    async def action(snapshot: Snapshot) -> AliasView:
        model = await require_model(snapshot, name)
        return await _show(
            snapshot, model, alias, await _require_at(snapshot, model, alias)
        )

    return await engine.metadata.snapshot(action)


async def list_aliases(engine: Engine, name: str) -> list[AliasView]:
    """Return all aliases of a model, by name.

    Raises:
        ModelNotFoundError
    """

    async def action(snapshot: Snapshot) -> list[AliasView]:
        model = await require_model(snapshot, name)
        return [
            await _show(snapshot, model, at.alias, at.number)
            for at in await snapshot.list_aliases([model.id])
        ]

    return await engine.metadata.snapshot(action)


async def list_moves(
    engine: Engine, name: str, alias: str, *, before: int | None = None, limit: int
) -> Page[AliasMove]:
    """Return a page of the moves of an alias, newest first, also of a deleted one.

    Raises:
        ModelNotFoundError
        ModelVersionNotFoundError: the model never had such an alias.
    """
    check_limit(limit)

    async def action(snapshot: Snapshot) -> Page[AliasMove]:
        model = await require_model(snapshot, name)
        moves = await snapshot.list_alias_moves(
            model.id, alias, before=before, limit=limit + 1
        )
        if not moves and before is None:
            raise ModelVersionNotFoundError(name, alias, what="alias")
        return cut_page(moves, limit, lambda move: str(move.sequence))

    return await engine.metadata.snapshot(action)


async def promote(
    engine: Engine,
    caller: Caller,
    name: str,
    alias: str,
    number: int,
    *,
    reason: str = "",
) -> AliasView:
    """Move an alias to a version, and make it if there is none of that name.

    One that is there already stays as it is, and nothing is logged.

    Raises:
        InvalidNameError, InvalidValueError, ModelNotFoundError,
        ModelVersionNotFoundError
        PromotionRefusedError: its rules ask for more than the version has.
        TooManyError: the model has as many aliases as one may have.
    """
    check_alias(alias)
    check_text(reason, "reason")

    async def action(tx: WriteTransaction) -> AliasView:
        model = await require_model(tx, name)
        version = await require_version(tx, model, str(number))
        aliases = await tx.list_aliases([model.id])
        at = next((each for each in aliases if each.alias == alias), None)
        if at is not None and at.number == number:
            return await _show(tx, model, alias, number)
        if at is None and len(aliases) >= ALIASES_MAX:
            raise TooManyError(
                f"cannot make alias '{alias}': '{name}' has {ALIASES_MAX} already: "
                "delete some"
            )
        await _require_rules(tx, caller, model, version, alias)
        return await _move(tx, engine, caller, model, alias, version, PROMOTE, reason)

    return await engine.metadata.write(action)


async def rollback(
    engine: Engine, caller: Caller, name: str, alias: str, *, reason: str = ""
) -> AliasView:
    """Put an alias back to where it was before its last move that was not rolled back.

    Again goes further back. One that was deleted is there again. No rule is asked: the
    alias was there, by the rules of that time, and who needs this needs it at once.

    Raises:
        ModelNotFoundError
        ModelVersionNotFoundError: the model never had such an alias.
        ConflictError: there is nothing to go back to, or that version was deleted.
    """
    check_text(reason, "reason")

    async def action(tx: WriteTransaction) -> AliasView:
        model = await require_model(tx, name)
        moves = await tx.list_alias_moves(
            model.id, alias, before=None, limit=ROLLBACK_MOVES_MAX
        )
        if not moves:
            raise ModelVersionNotFoundError(name, alias, what="alias")
        number = find_rollback(moves)
        if number is None:
            raise ConflictError(
                f"cannot roll back '{alias_ref(name, alias)}': it was nowhere before; "
                "promote another version, or delete the alias",
            )
        version = await tx.find_version(model.id, number)
        if version is None:
            raise ConflictError(
                f"cannot roll back '{alias_ref(name, alias)}': version {number}, where it "
                "was before, was deleted: promote another one",
            )
        return await _move(tx, engine, caller, model, alias, version, ROLLBACK, reason)

    return await engine.metadata.write(action)


async def delete_alias(
    engine: Engine, caller: Caller, name: str, alias: str, *, reason: str = ""
) -> None:
    """Delete an alias; its log stays, and a rollback brings it back.

    Raises:
        ModelNotFoundError, ModelVersionNotFoundError
    """
    check_text(reason, "reason")

    async def action(tx: WriteTransaction) -> None:
        model = await require_model(tx, name)
        await _require_at(tx, model, alias)
        now_ms = engine.clock()
        await tx.set_alias(
            model.id,
            alias,
            None,
            action=DELETE,
            user=caller.name,
            reason=reason,
            now_ms=now_ms,
        )
        files = await model_refs.get_files(tx)
        ref = alias_ref(name, alias)
        await model_refs.remove(tx, files, ref, actor=caller.name, now_ms=now_ms)

    await engine.metadata.write(action)


async def _require_rules(
    tx: WriteTransaction,
    caller: Caller,
    model: Model,
    version: Version,
    alias: str,
) -> None:
    """Return if the rules of `alias` let `caller` move it to `version`.

    Raises:
        PromotionRefusedError: they do not.
    """
    rules = [rule for _, rule in await tx.list_rules([model.id]) if rule.alias == alias]
    missing = find_refusals(
        rules[0] if rules else None,
        author=version.author,
        mover=person_of(caller),
        approvals=await tx.list_approvals(model.id, [version.number]),
        checks=await tx.list_checks(model.id, [version.number]),
    )
    if missing:
        raise PromotionRefusedError(
            version_ref(model.name, version.number), alias, missing
        )


async def _move(
    tx: WriteTransaction,
    engine: Engine,
    caller: Caller,
    model: Model,
    alias: str,
    version: Version,
    action: str,
    reason: str,
) -> AliasView:
    now_ms = engine.clock()
    move = await tx.set_alias(
        model.id,
        alias,
        version.number,
        action=action,
        user=caller.name,
        reason=reason,
        now_ms=now_ms,
    )
    files = await model_refs.get_files(tx)
    await model_refs.point(
        tx,
        files,
        alias_ref(model.name, alias),
        version.files_commit,
        action=action,
        actor=caller.name,
        now_ms=now_ms,
    )
    return AliasView(model.name, alias, version.number, move)


async def _require_at(reader: ModelReader, model: Model, alias: str) -> int:
    for at in await reader.list_aliases([model.id]):
        if at.alias == alias:
            return at.number
    raise ModelVersionNotFoundError(model.name, alias, what="alias")


async def _show(
    reader: ModelReader, model: Model, alias: str, number: int
) -> AliasView:
    (move,) = await reader.list_alias_moves(model.id, alias, before=None, limit=1)
    return AliasView(model.name, alias, number, move)

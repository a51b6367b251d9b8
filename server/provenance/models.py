"""Models and their versions: find, list, describe, delete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import (
    InvalidValueError,
    ModelNotFoundError,
    ModelVersionNotFoundError,
    StillNeededError,
)
from ..registry.names import NEWEST, alias_ref, read_number, version_ref
from ..registry.rules import AliasRule, Approval, Check, Person
from ..registry.store import Model, ModelReader, Version
from ..repository.contracts import Snapshot, WriteTransaction
from ..repository.engine import Engine
from ..repository.paging import Filter, Page, check_limit, cut_page, read_page
from . import model_refs
from .callers import Caller

TEXT_BYTES_MAX = 64 * 1024
"""A description, a reason, a comment: as long as the message of a commit."""
_VERSIONS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model with what moves over its versions."""

    model: Model
    latest: int
    """Number of the newest version; 0: there is none."""
    aliases: dict[str, int]
    rules: tuple[AliasRule, ...]


@dataclass(frozen=True, slots=True)
class VersionView:
    """A version with what is said of it."""

    model: Model
    version: Version
    aliases: tuple[str, ...]
    checks: tuple[Check, ...]
    approvals: tuple[Approval, ...]


def person_of(caller: Caller) -> Person:
    """Return who asks, as the registry knows people."""
    return Person(caller.user_id, caller.name)


def check_text(text: str, field: str) -> str:
    """Return `text` if it is no longer than such a text may be.

    Raises:
        InvalidValueError: it is.
    """
    if len(text.encode(errors="replace")) > TEXT_BYTES_MAX:
        raise InvalidValueError(
            field, f"'{field}' must be at most {TEXT_BYTES_MAX} bytes"
        )
    return text


async def require_model(reader: ModelReader, name: str) -> Model:
    """Return the model `name`.

    Raises:
        ModelNotFoundError: there is none.
    """
    model = await reader.find_model(name)
    if model is None:
        raise ModelNotFoundError(name)
    return model


async def require_version(reader: ModelReader, model: Model, text: str) -> Version:
    """Return the version of `model` that a number, or an alias, names.

    Raises:
        ModelVersionNotFoundError: there is none.
    """
    number = read_number(text)
    what = "version"
    if number is None:
        aliases = await reader.list_aliases([model.id])
        number = next((at.number for at in aliases if at.alias == text), None)
        what = "version" if text.isdigit() else "alias"
    version = None if number is None else await reader.find_version(model.id, number)
    if version is None:
        raise ModelVersionNotFoundError(model.name, text, what=what)
    return version


async def show_models(
    reader: ModelReader, models: Sequence[Model]
) -> tuple[ModelView, ...]:
    """Return the views of `models`."""
    ids = [model.id for model in models]
    newest = await reader.list_newest(ids)
    aliases: dict[int, dict[str, int]] = {}
    for at in await reader.list_aliases(ids):
        aliases.setdefault(at.model_id, {})[at.alias] = at.number
    rules: dict[int, list[AliasRule]] = {}
    for model_id, rule in await reader.list_rules(ids):
        rules.setdefault(model_id, []).append(rule)
    return tuple(
        ModelView(
            model,
            newest.get(model.id, 0),
            aliases.get(model.id, {}),
            tuple(rules.get(model.id, ())),
        )
        for model in models
    )


async def show_versions(
    reader: ModelReader, model: Model, versions: Sequence[Version]
) -> tuple[VersionView, ...]:
    """Return the views of `versions` of `model`."""
    numbers = [version.number for version in versions]
    aliases = await reader.list_aliases([model.id])
    checks = await reader.list_checks(model.id, numbers)
    approvals = await reader.list_approvals(model.id, numbers)
    return tuple(
        VersionView(
            model,
            version,
            tuple(at.alias for at in aliases if at.number == version.number),
            tuple(each for each in checks if each.number == version.number),
            tuple(each for each in approvals if each.number == version.number),
        )
        for version in versions
    )


async def get_model(engine: Engine, name: str) -> ModelView:
    """Return the model `name`.

    Raises:
        ModelNotFoundError: there is none.
    """

    async def action(snapshot: Snapshot) -> ModelView:
        model = await require_model(snapshot, name)
        return (await show_models(snapshot, [model]))[0]

    return await engine.metadata.snapshot(action)


async def list_models(
    engine: Engine,
    *,
    prefix: str = "",
    after: str = "",
    limit: int,
    is_shown: Filter | None = None,
) -> Page[ModelView]:
    """Return a page of the models, by name; see `read_page`."""

    async def action(snapshot: Snapshot) -> Page[ModelView]:
        async def read(after: str, limit: int) -> list[Model]:
            return await snapshot.list_models(prefix=prefix, after=after, limit=limit)

        page = await read_page(
            read, lambda model: model.name, after=after, limit=limit, is_shown=is_shown
        )
        return Page(await show_models(snapshot, page.items), page.next_after)

    return await engine.metadata.snapshot(action)


async def get_version(engine: Engine, name: str, text: str) -> VersionView:
    """Return the version of a model that a number, or an alias, names.

    Raises:
        ModelNotFoundError, ModelVersionNotFoundError
    """

    async def action(snapshot: Snapshot) -> VersionView:
        model = await require_model(snapshot, name)
        version = await require_version(snapshot, model, text)
        return (await show_versions(snapshot, model, [version]))[0]

    return await engine.metadata.snapshot(action)


async def get_newest(engine: Engine, name: str) -> VersionView:
    """Return the newest version of a model.

    Raises:
        ModelNotFoundError
        ModelVersionNotFoundError: all were deleted.
    """

    async def action(snapshot: Snapshot) -> VersionView:
        model = await require_model(snapshot, name)
        newest = await snapshot.list_newest([model.id])
        number = newest.get(model.id, 0)
        version = await snapshot.find_version(model.id, number) if number else None
        if version is None:
            raise ModelVersionNotFoundError(model.name, NEWEST)
        return (await show_versions(snapshot, model, [version]))[0]

    return await engine.metadata.snapshot(action)


async def list_versions(
    engine: Engine, name: str, *, before: int | None = None, limit: int
) -> Page[VersionView]:
    """Return a page of the versions of a model, newest first.

    Raises:
        ModelNotFoundError
    """
    check_limit(limit)

    async def action(snapshot: Snapshot) -> Page[VersionView]:
        model = await require_model(snapshot, name)
        found = await snapshot.list_versions(model.id, before=before, limit=limit + 1)
        page = cut_page(found, limit, lambda version: str(version.number))
        return Page(await show_versions(snapshot, model, page.items), page.next_after)

    return await engine.metadata.snapshot(action)


async def describe_model(engine: Engine, name: str, description: str) -> ModelView:
    """Replace what is said of a model.

    Raises:
        ModelNotFoundError
        InvalidValueError: the text is too long.
    """
    check_text(description, "description")

    async def action(tx: WriteTransaction) -> ModelView:
        model = await require_model(tx, name)
        await tx.set_model_description(model.id, description)
        return (await show_models(tx, [await require_model(tx, name)]))[0]

    return await engine.metadata.write(action)


async def delete_version(engine: Engine, caller: Caller, name: str, text: str) -> None:
    """Delete a version, with its checks and approvals; its number is not used again.

    Its bytes go when they are collected, unless something else uses them.

    Raises:
        ModelNotFoundError, ModelVersionNotFoundError
        StillNeededError: an alias is at it.
    """

    async def action(tx: WriteTransaction) -> None:
        model = await require_model(tx, name)
        version = await require_version(tx, model, text)
        await _require_no_alias(tx, model, version.number)
        await tx.delete_version(model.id, version.number)
        await _remove_refs(tx, model, [version.number], caller, engine.clock())

    await engine.metadata.write(action)


async def delete_model(engine: Engine, caller: Caller, name: str) -> None:
    """Delete a model with all its versions; the log of its aliases stays.

    Raises:
        ModelNotFoundError
        StillNeededError: it has an alias.
    """

    async def action(tx: WriteTransaction) -> None:
        model = await require_model(tx, name)
        await _require_no_alias(tx, model, None)
        numbers: list[int] = []
        before: int | None = None
        while True:
            page = await tx.list_versions(
                model.id, before=before, limit=_VERSIONS_AT_ONCE
            )
            if not page:
                break
            numbers += [version.number for version in page]
            before = numbers[-1]
        await tx.delete_model(model.id)
        await _remove_refs(tx, model, numbers, caller, engine.clock())

    await engine.metadata.write(action)


async def _require_no_alias(
    tx: WriteTransaction, model: Model, number: int | None
) -> None:
    """Return if no alias is at a version; None: at any.

    Raises:
        StillNeededError: one is.
    """
    held = [
        at.alias
        for at in await tx.list_aliases([model.id])
        if number is None or at.number == number
    ]
    if held:
        what = model.name if number is None else version_ref(model.name, number)
        raise StillNeededError(
            f"'{what}'",
            [f"alias '{alias_ref(model.name, alias)}'" for alias in held[:10]],
            len(held),
            way_out="move or delete the alias first",
        )


async def _remove_refs(
    tx: WriteTransaction,
    model: Model,
    numbers: Sequence[int],
    caller: Caller,
    now_ms: int,
) -> None:
    """Remove the refs of deleted versions; what is the newest now, is `NAME`."""
    if not numbers:
        return
    files = await model_refs.get_files(tx)
    actor = caller.name
    for number in numbers:
        ref = version_ref(model.name, number)
        await model_refs.remove(tx, files, ref, actor=actor, now_ms=now_ms)
    newest = await tx.list_versions(model.id, before=None, limit=1)
    if not newest:
        await model_refs.remove(tx, files, model.name, actor=actor, now_ms=now_ms)
        return
    await model_refs.point(
        tx,
        files,
        model.name,
        newest[0].files_commit,
        action="delete",
        actor=actor,
        now_ms=now_ms,
    )

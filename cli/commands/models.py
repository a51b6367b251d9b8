"""`lakebed model`: models, their versions, and the aliases that move over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask
from ..consent import confirm
from ..models import parse_alias, parse_model, parse_version
from ..output import print_fact
from ..text import escape, format_bytes, format_count
from . import model_looking, model_rules
from .commits import parse_pairs
from .model_options import (
    AliasArgument,
    AliasBeside,
    AliasOption,
    ModelArgument,
    NameArgument,
    Reason,
    RunOption,
    VersionArgument,
)

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire.models import Alias, ModelVersion

app = typer.Typer(
    help="Register models, move aliases over their versions, and judge them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def register(
    name: NameArgument,
    run: RunOption,
    path: Annotated[
        str | None,
        typer.Option(
            "--path",
            help="Which output of the run, where there are several",
            show_default=False,
        ),
    ] = None,
    description: Annotated[
        str, typer.Option("--description", "-d", help="What to say of the version")
    ] = "",
    meta: options.Pairs = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Make an output of a run the next version of a model.

    The run must have ended well. Nothing is copied: the version's files are read at
    lakebed://models/NAME@VERSION/. The first version makes the model.
    """
    model = parse_model(name)
    if model.at is not None:
        raise typer.BadParameter(
            f"'{escape(name)}': versions get their number: give NAME"
        )
    metadata = parse_pairs(meta or [], "--meta")

    async def work(lake: AsyncClient) -> ModelVersion:
        return await lake.register_model(
            model.name, run, path=path, description=description, metadata=metadata
        )

    made = ask(server, work)
    line = (
        f"registered '{made.name}@{made.version}', "
        f"{format_count(made.files, 'file')}, {format_bytes(made.size_bytes)}, "
        f"of run {made.run[:12]}"
    )
    print_fact(made, as_document=as_document, line=line)


@app.command()
def promote(
    version: VersionArgument,
    alias: AliasOption,
    reason: Reason = "",
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Move an alias to a version, and make it if there is none of that name."""
    address = parse_version(version)

    async def work(lake: AsyncClient) -> Alias:
        number = address.number
        if number is None:
            found = await lake.get_model_version(address.name, address.at or "")
            number = found.version
        return await lake.promote_model(address.name, number, alias, reason=reason)

    found = ask(server, work)
    verb, more = "is at", ""
    if found.reason != reason:
        # What the server answers of an alias that stays is its last move.
        verb = "was there already, at"
        more = "; the reason is not kept" if reason else ""
    _print_alias(found, verb, as_document=as_document, more=more)


@app.command()
def rollback(
    model: AliasArgument,
    alias: AliasBeside = None,
    reason: Reason = "",
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Put an alias back to where it was before it was moved last.

    Again goes further back; an alias that was deleted is there again.
    """
    name, at = parse_alias(model, alias)

    async def work(lake: AsyncClient) -> Alias:
        return await lake.rollback_model(name, at, reason=reason)

    _print_alias(ask(server, work), "is back at", as_document=as_document)


def _print_alias(found: Alias, verb: str, *, as_document: bool, more: str = "") -> None:
    line = f"'{found.model}@{found.alias}' {verb} version {found.version}{more}"
    print_fact(found, as_document=as_document, line=line)


@app.command()
def delete(
    model: ModelArgument,
    reason: Reason = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Delete an alias, a version, or a model with all its versions.

    What an alias is at stays: move or delete the alias first. Numbers are not used again.
    """
    address = parse_model(model)

    async def look(lake: AsyncClient) -> str:
        if address.at is None:
            found = await lake.get_model(address.name)
            return f"model '{found.name}' with all its versions"
        version = await lake.get_model_version(address.name, address.at)
        if address.number is None:
            return f"alias '{address}', which is at version {version.version}"
        return f"version '{address}'"

    async def work(lake: AsyncClient) -> None:
        if address.at is None:
            await lake.delete_model(address.name)
        elif address.number is None:
            await lake.delete_model_alias(address.name, address.at, reason=reason)
        else:
            await lake.delete_model_version(address.name, address.at)

    what = escape(ask(server, look))
    if not dry_run:
        confirm(f"Delete {what}?", yes=yes)
        ask(server, work)
    deleted = {"model": address.name, "at": address.at, "dry_run": dry_run}
    line = f"would delete {what}" if dry_run else f"deleted {what}"
    print_fact(deleted, as_document=as_document, line=line)


model_looking.register(app)
model_rules.register(app)

"""`lakebed model`: models, their versions, and the aliases that move over them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask
from ..completing import complete_model
from ..consent import confirm
from ..models import ModelAddress, parse_alias, parse_model, parse_version
from ..output import Column, print_fact, print_fields, print_json, print_listing
from ..text import escape, format_bytes, format_count, format_iso, format_time, short
from . import model_rules
from .commits import parse_pairs

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire.models import (
        Alias,
        AliasLogEntry,
        Approval,
        Check,
        Model,
        ModelVersion,
    )

app = typer.Typer(
    help="Register models, move aliases over their versions, and judge them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME", help="Name of the model", autocompletion=complete_model
    ),
]
ModelArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@VERSION]",
        help="A model, or a version by its number or an alias",
        autocompletion=complete_model,
    ),
]
VersionArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME@VERSION",
        help="A version, by its number or an alias",
        autocompletion=complete_model,
    ),
]
AliasArgument = Annotated[
    str,
    typer.Argument(
        metavar="NAME[@ALIAS]",
        help="The alias, or its model with --alias",
        autocompletion=complete_model,
    ),
]
AliasOption = Annotated[
    str, typer.Option("--alias", "-a", metavar="ALIAS", help="The alias")
]
AliasBeside = Annotated[
    str | None,
    typer.Option(
        "--alias", "-a", metavar="ALIAS", help="The alias", show_default=False
    ),
]
Reason = Annotated[
    str, typer.Option("--reason", "-m", help="Why, for the log", show_default=False)
]
RunOption = Annotated[
    str, typer.Option("--run", metavar="RUN", help="Its id, or the beginning of it")
]


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


@app.command("list")
def list_all(
    prefix: options.Prefix = "",
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List models, with their newest version and their aliases."""

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_models(prefix=prefix),
            [
                Column("model", style="bold"),
                Column("newest", is_number=True),
                Column("aliases"),
                Column("description", width="cut"),
            ],
            lambda found: (
                found.name,
                str(found.latest or "-"),
                _show_aliases(found),
                found.description,
            ),
            as_document=as_document,
        )

    ask(server, work)


def _show_aliases(model: Model) -> str:
    return " ".join(f"{alias}={number}" for alias, number in model.aliases.items())


@app.command()
def show(
    model: ModelArgument,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show a model with its versions, or one version."""
    address = parse_model(model)
    if address.at is not None:
        _show_version(address, as_document=as_document, server=server)
        return

    async def look(lake: AsyncClient) -> Model:
        return await lake.get_model(address.name)

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_model_versions(address.name),
            [
                Column("version", style="bold", is_number=True),
                Column("aliases", style="green"),
                Column("grade"),
                Column("files", is_number=True),
                Column("size", is_number=True),
                Column("run"),
                Column("by"),
                Column("registered"),
            ],
            lambda found: (
                str(found.version),
                " ".join(found.aliases),
                found.grade or "-",
                f"{found.files:,}",
                format_bytes(found.size_bytes),
                found.run[:12],
                found.user,
                format_time(found.created_ms / 1000),
            ),
            plain=lambda found: (
                str(found.version),
                " ".join(found.aliases),
                found.grade or "-",
                str(found.files),
                str(found.size_bytes),
                found.run,
                found.user,
                format_iso(found.created_ms / 1000),
            ),
            as_document=False,
        )

    found = ask(server, look)
    if as_document:
        print_json(found)
        return
    print_fields(
        [
            ("model", found.name),
            ("description", found.description or "-"),
            ("aliases", _show_aliases(found) or "-"),
            ("rules", "; ".join(map(model_rules.show_rule, found.rules)) or "-"),
        ]
    )
    ask(server, work)


def _show_version(
    address: ModelAddress, *, as_document: bool, server: str | None
) -> None:
    async def work(lake: AsyncClient) -> ModelVersion:
        return await lake.get_model_version(address.name, address.at or "")

    found = ask(server, work)
    if as_document:
        print_json(found)
        return
    source = f"lakebed://{found.repository}/{short(found.commit)}/{found.path}"
    print_fields(
        [
            ("version", f"{found.name}@{found.version}"),
            ("description", found.description or "-"),
            ("aliases", " ".join(found.aliases) or "-"),
            ("files", found.address),
            (
                "size",
                f"{format_bytes(found.size_bytes)} in {format_count(found.files, 'file')}",
            ),
            ("run", found.run),
            ("grade", found.grade or "-"),
            ("output", source),
            ("identity", found.identity),
            ("registered", f"{format_time(found.created_ms / 1000)} by {found.user}"),
            *((f"meta {key}", value) for key, value in sorted(found.metadata.items())),
            *(("check", _show_check(check)) for check in found.checks),
            *(("approval", _show_approval(each)) for each in found.approvals),
        ]
    )


def _show_check(check: Check) -> str:
    word = "passed" if check.has_passed else "did not pass"
    return f"{check.name} {word}, run {check.run[:12]}, by {check.user}"


def _show_approval(approval: Approval) -> str:
    comment = f": {approval.comment}" if approval.comment else ""
    return f"for {approval.alias} by {approval.user}{comment}"


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

    _print_alias(ask(server, work), "is at", as_document=as_document)


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


def _print_alias(found: Alias, verb: str, *, as_document: bool) -> None:
    line = f"'{found.model}@{found.alias}' {verb} version {found.version}"
    print_fact(found, as_document=as_document, line=line)


@app.command()
def log(
    model: AliasArgument,
    alias: AliasBeside = None,
    count: options.Count = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List the moves of an alias, newest first: who, when and why."""
    name, at = parse_alias(model, alias)

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_model_alias_log(name, at, limit=count),
            [
                Column("when"),
                Column("action", style="bold"),
                Column("from", is_number=True),
                Column("to", is_number=True),
                Column("by"),
                Column("reason"),
            ],
            lambda move: _show_move(move, format_time(move.at_ms / 1000)),
            plain=lambda move: _show_move(move, format_iso(move.at_ms / 1000)),
            as_document=as_document,
        )

    ask(server, work)


def _show_move(move: AliasLogEntry, when: str) -> tuple[str, ...]:
    old, new = (str(number or "-") for number in (move.old, move.new))
    return when, move.action, old, new, move.user, move.reason


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


model_rules.register(app)

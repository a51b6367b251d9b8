"""`lakebed model list`, `show` and `log`: what there is, and where aliases were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from .. import options
from ..asking import ask
from ..models import ModelAddress, parse_alias, parse_model
from ..output import Column, print_fields, print_json, print_listing
from ..text import format_bytes, format_count, format_iso, format_time, short
from . import model_rules
from .model_options import AliasArgument, AliasBeside, ModelArgument

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire.models import (
        AliasLogEntry,
        Approval,
        Check,
        Model,
        ModelVersion,
    )


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("list")(list_all)
    app.command("show")(show)
    app.command("log")(log)


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

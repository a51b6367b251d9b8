"""`lakebed model describe`, `rules`, `approve` and `check`: what is said of models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask
from ..models import parse_model, parse_version
from ..output import Column, print_fact, print_listing
from ..text import escape
from .model_options import NameArgument, RunOption, VersionArgument

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from lakebed.client import AsyncClient
    from lakebed.client.wire.models import AliasRule, Approval, Check, Model


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("describe")(describe)
    app.command("rules")(rules)
    app.command("approve")(approve)
    app.command("check")(check)


def describe(
    model: NameArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What the model is for")],
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Say what a model is for."""
    name = parse_model(model).name

    async def work(lake: AsyncClient) -> Model:
        return await lake.describe_model(name, text)

    made = ask(server, work)
    line = f"'{made.name}': {escape(made.description)}"
    print_fact(made, as_document=as_document, line=line)


def rules(
    model: NameArgument,
    alias: Annotated[
        str | None,
        typer.Option(
            "--alias",
            "-a",
            metavar="ALIAS",
            help="Change what this alias asks; without it, list the rules",
            show_default=False,
        ),
    ] = None,
    approval: Annotated[
        bool,
        typer.Option("--approval", help="Somebody else must have approved the version"),
    ] = False,
    checks: Annotated[
        list[str] | None,
        typer.Option(
            "--check",
            metavar="CHECK",
            help="This check must have passed; may be repeated",
            show_default=False,
        ),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List what aliases ask of a version, or set it for one of them.

    What is set replaces what that alias asked; with neither --approval nor --check it
    asks nothing any more.
    """
    name = parse_model(model).name
    if alias is None and (approval or checks):
        raise typer.BadParameter("of which alias? give --alias ALIAS")

    async def change(lake: AsyncClient) -> list[AliasRule]:
        from lakebed.client.wire.models import AliasRule

        found = await lake.get_model_rules(name)
        if alias is None:
            return found
        others = [rule for rule in found if rule.alias != alias]
        new = AliasRule(alias=alias, needs_approval=approval, checks=checks or [])
        return await lake.set_model_rules(name, [*others, new])

    async def work(lake: AsyncClient) -> int:
        async def iterate() -> AsyncIterator[AliasRule]:
            for rule in await change(lake):
                yield rule

        return await print_listing(
            iterate(),
            [Column("alias", style="bold"), Column("approval"), Column("checks")],
            lambda rule: (
                rule.alias,
                "needed" if rule.needs_approval else "-",
                " ".join(rule.checks) or "-",
            ),
            as_document=as_document,
        )

    ask(server, work)


def show_rule(rule: AliasRule) -> str:
    """Return a rule in a few words."""
    asked = ["an approval"] if rule.needs_approval else []
    asked += [f"check {name}" for name in rule.checks]
    return f"{rule.alias} needs {', '.join(asked)}"


def approve(
    version: VersionArgument,
    alias: Annotated[
        str, typer.Option("--alias", "-a", metavar="ALIAS", help="For which alias")
    ],
    comment: Annotated[
        str, typer.Option("--comment", "-m", help="For the log", show_default=False)
    ] = "",
    withdraw: Annotated[
        bool, typer.Option("--withdraw", help="Take back what you approved")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Approve a version for an alias, which somebody else then moves there."""
    address = parse_version(version)
    at = address.at or ""

    async def take_back(lake: AsyncClient) -> None:
        await lake.withdraw_model_approval(address.name, at, alias)

    async def work(lake: AsyncClient) -> Approval:
        return await lake.approve_model(address.name, at, alias, comment=comment)

    where = f"'{escape(str(address))}' for '{escape(alias)}'"
    if withdraw:
        ask(server, take_back)
        taken = {"model": address.name, "version": at, "alias": alias}
        line = f"approval of {where} taken back"
        print_fact(taken, as_document=as_document, line=line)
        return
    made = ask(server, work)
    line = f"{where} approved by '{escape(made.user)}'"
    print_fact(made, as_document=as_document, line=line)


def check(
    version: VersionArgument,
    name: Annotated[str, typer.Argument(metavar="CHECK", help="Name of the check")],
    run: RunOption,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Record a run that judged a version: it passes if the run ended well.

    The run must have read files of the version, at lakebed://models/NAME@VERSION/ or
    where they came from.
    """
    address = parse_version(version)

    async def work(lake: AsyncClient) -> Check:
        return await lake.check_model(address.name, address.at or "", name, run)

    made = ask(server, work)
    word = "passed" if made.has_passed else "did not pass"
    line = f"check '{made.name}' of '{escape(str(address))}' {word}"
    print_fact(made, as_document=as_document, line=line)

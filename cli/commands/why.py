"""`lakebed why`: which code, data and configuration produced something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask
from ..output import print_json

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Why


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("why")(why)


def why(
    subject: options.Subject,
    all_lines: Annotated[
        bool, typer.Option("--all", help="Everything, not just one screen of it")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Tell which code, data, configuration and environment produced something.

    And who did it when, what it published, how well it can be done again, and what is
    missing for that. In a pipe: a line a fact, its name, then a tab; nothing is left
    out.
    """

    async def work(lake: AsyncClient) -> Why:
        return await lake.why(subject)

    found = ask(server, work)
    if as_document:
        print_json(found)
        return
    from ..provenance.screen import print_facts
    from ..provenance.why import facts_of

    print_facts(facts_of(found), all_lines=all_lines)

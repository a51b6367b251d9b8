"""`lakebed compare`: what is different between two runs, or two versions of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask
from ..output import print_json

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.rerunning.comparison import Comparison


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("compare")(compare)


def compare(
    left: options.Subject,
    right: options.Subject,
    code: Annotated[
        list[Path] | None,
        typer.Option(
            "--code",
            metavar="DIR",
            help="A clone of the code, to tell which files changed; else the one here",
            show_default=False,
        ),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show what is different between two runs: from parameters to single packages.

    Data is told apart by file: how many were added, removed and changed between the
    commits that the two read. Seen from the first, as a diff is.
    """

    async def work(lake: AsyncClient) -> Comparison:
        from lakebed.client.rerunning.comparing import compare_runs
        from lakebed.client.rerunning.finding import find_run

        return await compare_runs(
            lake,
            await find_run(lake, left),
            await find_run(lake, right),
            clones=code or [Path()],
        )

    found = ask(server, work)
    if as_document:
        print_json(found)
        return
    from ..provenance.comparison import facts_of
    from ..provenance.screen import print_facts

    print_facts(facts_of(found), all_lines=True)

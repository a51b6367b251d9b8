"""`lakebed lineage`: what something came from, and what came of it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask
from ..output import print_json, print_line, say

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Lineage


class Format(StrEnum):
    """How a lineage is written."""

    TEXT = "text"
    JSON = "json"
    DOT = "dot"
    MERMAID = "mermaid"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("lineage")(lineage)


def lineage(
    subject: options.Subject,
    up: Annotated[
        bool,
        typer.Option("--up/--down", help="What it came from, or what came of it"),
    ] = True,
    depth: Annotated[
        int | None,
        typer.Option("--depth", min=1, help="How many runs away", show_default=False),
    ] = None,
    count: options.Count = None,
    written: Annotated[
        Format,
        typer.Option("--format", help="A tree, JSON, or what Graphviz or Mermaid read"),
    ] = Format.TEXT,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Follow runs and data from something to what it came from, or to what came of it.

    From a model to everything that went into it; with --down from a file to every model
    that saw it.
    """

    async def work(lake: AsyncClient) -> Lineage:
        return await lake.lineage(
            subject, direction="up" if up else "down", depth=depth, amount=count
        )

    found = ask(server, work)
    if as_document or written is Format.JSON:
        print_json(found)
    else:
        from ..provenance.lineage import render_dot, render_mermaid, render_tree

        render = {Format.DOT: render_dot, Format.MERMAID: render_mermaid}
        for line in render.get(written, render_tree)(found):
            print_line(line)
    if found.is_origin_hidden:
        say("a version was made by a run of a repository that you may not read")
    if not found.is_complete:
        say("there is more: --depth goes further, -n shows more at once")

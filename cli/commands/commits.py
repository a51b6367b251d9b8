"""`lakebed commit`: keeping what was changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import parse_ref
from ..asking import ask
from ..output import print_fact
from ..text import escape, short

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Commit


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("commit")(commit)


def commit(
    branch: options.Branch,
    message: Annotated[str, typer.Option("--message", "-m", help="What changed, why")],
    meta: options.Pairs = None,
    allow_empty: Annotated[
        bool, typer.Option("--allow-empty", help="Even if nothing changed")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Keep the uncommitted changes of a branch as one commit."""
    address = parse_ref(branch)
    metadata = parse_pairs(meta or [], "--meta")
    if not message.strip():
        raise typer.BadParameter("the message is empty: say what changed, and why")

    async def work(lake: AsyncClient) -> Commit:
        return await lake.commit(
            address.repository,
            address.ref,
            message,
            metadata=metadata,
            allow_empty=allow_empty,
        )

    made = ask(server, work)
    print_fact(made, as_document=as_document, line=headline(str(address), made))


def headline(where: str, made: Commit) -> str:
    """Return the line that tells of a new commit, as Git does."""
    subject = made.message.partition("\n")[0]
    return f"[{escape(where)} {short(made.id)}] {escape(subject)}"


def parse_pairs(texts: list[str], option: str) -> dict[str, str]:
    """Return the KEY=VALUE pairs of a repeated option.

    Raises:
        typer.BadParameter: one has no `=`, or no key.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{option} '{text}' is not KEY=VALUE")
        pairs[key] = value
    return pairs

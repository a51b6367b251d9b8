"""`lakebed key`: the access keys of users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask, find_user_name
from ..consent import confirm
from ..output import (
    Column,
    print_fact,
    print_json,
    print_line,
    print_listing,
    say,
)
from ..text import escape, format_iso, format_time

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Credentials

app = typer.Typer(
    help="Create, list and revoke access keys.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

UserArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="USER",
        help="Whose key; without it, that of whoever asks",
        show_default=False,
    ),
]


@app.command()
def create(
    user: UserArgument = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Make a key, and print it for a shell, this once."""
    from lakebed.client.address import KEY_ID_VARIABLE, SECRET_VARIABLE

    async def work(lake: AsyncClient) -> tuple[str, Credentials]:
        name = await find_user_name(lake, user)
        return name, await lake.create_key(name)

    name, made = ask(server, work)
    if as_document:
        print_json(made)
        return
    say(f"key of '{escape(name)}'; its secret is shown this once:")
    print_line(f"export {KEY_ID_VARIABLE}={escape(made.access_key_id)}")
    print_line(f"export {SECRET_VARIABLE}={escape(made.secret_access_key)}")


@app.command("list")
def list_all(
    user: UserArgument = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List the keys of a user, without secrets."""

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_keys(await find_user_name(lake, user)),
            [Column("key", style="bold"), Column("created")],
            lambda found: (found.access_key_id, format_time(found.creation_date)),
            plain=lambda found: (found.access_key_id, format_iso(found.creation_date)),
            as_document=as_document,
        )

    ask(server, work)


@app.command()
def revoke(
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Id of the key, as `key list` has it")
    ],
    user: UserArgument = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Revoke a key, and what it has presigned, at once."""
    from lakebed.client import NotFoundError

    async def find(lake: AsyncClient) -> str:
        name = await find_user_name(lake, user)
        try:
            await lake.get_key(name, key)
        except NotFoundError as error:
            if error.code != "user-not-found":
                raise
            raise NotFoundError(
                f"{error}; the key comes first: lakebed key revoke KEY USER",
                code=error.code,
                status=error.status,
            ) from None
        return name

    async def work(lake: AsyncClient) -> None:
        await lake.revoke_key(name, key)

    name = ask(server, find)
    what = f"key '{escape(key)}' of '{escape(name)}'"
    if not dry_run:
        confirm(f"Revoke {what}?", yes=yes)
        ask(server, work)
    revoked = {"access_key_id": key, "user": name, "dry_run": dry_run}
    line = f"would revoke {what}" if dry_run else f"{what} revoked"
    print_fact(revoked, as_document=as_document, line=line)

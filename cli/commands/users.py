"""`lakebed user`: people and jobs that have keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask, find_user_name
from ..consent import confirm
from ..output import (
    Column,
    print_fact,
    print_fields,
    print_json,
    print_listing,
)
from ..text import escape, format_count, format_iso, format_time

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Grant, User

app = typer.Typer(
    help="Create, list, show and delete users.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

NameArgument = Annotated[str, typer.Argument(metavar="USER", help="Name of the user")]


@app.command()
def create(
    name: NameArgument,
    is_admin: Annotated[
        bool,
        typer.Option(
            "--admin", help="They may do everything, and manage users, keys and grants"
        ),
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Create a user. What they may do say grants; they sign in with keys."""

    async def work(lake: AsyncClient) -> User:
        return await lake.create_user(name, is_admin=is_admin)

    made = ask(server, work)
    kind = "administrator" if made.is_admin else "user"
    print_fact(
        made, as_document=as_document, line=f"{kind} '{escape(made.id)}' created"
    )


@app.command("list")
def list_all(
    prefix: Annotated[str, typer.Argument(help="How their names begin")] = "",
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List users."""

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_users(prefix=prefix),
            [Column("user", style="bold"), Column("kind"), Column("created")],
            lambda found: (found.id, _kind(found), format_time(found.creation_date)),
            plain=lambda found: (
                found.id,
                _kind(found),
                format_iso(found.creation_date),
            ),
            as_document=as_document,
        )

    ask(server, work)


def _kind(user: User) -> str:
    return "administrator" if user.is_admin else "user"


@app.command()
def show(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="USER",
            help="Name of the user; without it, whoever asks",
            show_default=False,
        ),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show what is known of a user, and what they may do."""

    async def work(lake: AsyncClient) -> tuple[User, list[Grant], int]:
        user = await find_user_name(lake, name)
        grants = [grant async for grant in lake.iter_grants(user)]
        keys = [key async for key in lake.iter_keys(user)]
        return await lake.get_user(user), grants, len(keys)

    found, grants, key_count = ask(server, work)
    if as_document:
        print_json({"user": found, "grants": grants, "key_count": key_count})
        return
    fields = [
        ("user", found.id),
        ("kind", _kind(found)),
        ("created", format_time(found.creation_date)),
        ("keys", str(key_count)),
        *(
            ("may " + grant.level, f"{grant.repository}/{grant.ref}")
            for grant in grants
        ),
    ]
    if found.is_admin:
        fields.append(("may admin", "everything"))
    print_fields(fields)


@app.command()
def delete(
    name: NameArgument,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Delete a user, their keys and grants; commits keep the name."""

    async def count(lake: AsyncClient) -> tuple[int, int]:
        await lake.get_user(name)
        keys = [key async for key in lake.iter_keys(name)]
        grants = [grant async for grant in lake.iter_grants(name)]
        return len(keys), len(grants)

    async def work(lake: AsyncClient) -> None:
        await lake.delete_user(name)

    key_count, grant_count = ask(server, count)
    what = (
        f"user '{escape(name)}' with {format_count(key_count, 'key')} "
        f"and {format_count(grant_count, 'grant')}"
    )
    if not dry_run:
        confirm(f"Delete {what}?", yes=yes)
        ask(server, work)
    deleted = {
        "id": name,
        "key_count": key_count,
        "grant_count": grant_count,
        "dry_run": dry_run,
    }
    line = f"would delete {what}" if dry_run else f"deleted {what}"
    print_fact(deleted, as_document=as_document, line=line)

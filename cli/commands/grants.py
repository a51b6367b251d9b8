"""`lakebed grant`: who may do what, where."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask, find_user_name
from ..output import Column, print_fact, print_listing
from ..text import escape, format_iso, format_time

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Grant

app = typer.Typer(
    help="Add, list and remove grants.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


class Level(StrEnum):
    """What a grant allows; each holds those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


UserArgument = Annotated[str, typer.Argument(metavar="USER", help="Name of the user")]
WhereArgument = Annotated[
    str,
    typer.Argument(
        metavar="REPO/REF",
        help="On which refs: '*' stands for any characters, '?' for one (quote them)",
    ),
]


def _parse_where(where: str) -> tuple[str, str]:
    repository, slash, ref = where.removeprefix("lakebed://").partition("/")
    if not slash or not repository or not ref:
        raise typer.BadParameter(
            f"'{escape(where)}' is not REPO/REF: write 'penguins/main', or "
            "'penguins/*' for every ref"
        )
    return repository, ref


@app.command()
def add(
    user: UserArgument,
    level: Annotated[
        Level, typer.Argument(metavar="LEVEL", help="read, write or admin")
    ],
    where: WhereArgument,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Let a user read, write or administer refs.

    In place of what they were granted for the same REPO/REF. Each level holds those
    before it; admin of 'REPO/*' may create and delete the repository.
    """
    repository, ref = _parse_where(where)

    async def work(lake: AsyncClient) -> Grant:
        return await lake.add_grant(user, repository, ref, level.value)

    made = ask(server, work)
    line = f"'{escape(user)}' may {made.level} '{made.repository}/{made.ref}'"
    print_fact(made, as_document=as_document, line=line)


@app.command("list")
def list_all(
    user: Annotated[
        str | None,
        typer.Argument(
            metavar="USER",
            help="Whose grants; without it, those of whoever asks",
            show_default=False,
        ),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """List what a user may do where; administrators need no grants."""

    async def work(lake: AsyncClient) -> int:
        return await print_listing(
            lake.iter_grants(await find_user_name(lake, user)),
            [Column("where", style="bold"), Column("level"), Column("since")],
            lambda found: (
                f"{found.repository}/{found.ref}",
                found.level,
                format_time(found.creation_date),
            ),
            plain=lambda found: (
                f"{found.repository}/{found.ref}",
                found.level,
                format_iso(found.creation_date),
            ),
            as_document=as_document,
        )

    ask(server, work)


@app.command()
def remove(
    user: UserArgument,
    where: WhereArgument,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Take a grant away; name it as `grant list` does."""
    repository, ref = _parse_where(where)

    async def work(lake: AsyncClient) -> None:
        if not dry_run:
            await lake.remove_grant(user, repository, ref)
            return
        from lakebed.client import NotFoundError

        async for grant in lake.iter_grants(user):
            if (grant.repository, grant.ref) == (repository, ref):
                return
        raise NotFoundError(f"no grant on '{repository}/{ref}' for '{user}'")

    ask(server, work)
    removed = {"user": user, "repository": repository, "ref": ref, "dry_run": dry_run}
    verb = "would be taken" if dry_run else "taken"
    line = f"grant on '{repository}/{ref}' {verb} from '{escape(user)}'"
    print_fact(removed, as_document=as_document, line=line)

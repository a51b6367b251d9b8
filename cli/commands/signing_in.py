"""`lakebed login`, `logout` and `whoami`: where the server is, and who is asking."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask_target
from ..exits import CommandError
from ..output import print_fact, print_fields, print_json
from ..profiles import (
    Target,
    find_target,
    profile_name,
    read_profiles,
    write_profile,
)
from ..text import escape

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import User

SECRET_BYTES_MAX = 4096
"""More than any key has: what else comes on standard input is none."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("login")(login)
    app.command("logout")(logout)
    app.command("whoami")(whoami)


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the server listens")],
    profile: options.ProfileName = None,
    as_document: options.Json = False,
) -> None:
    """Keep a server and a key, so that other commands need neither said.

    The key comes from LAKEBED_ACCESS_KEY_ID and LAKEBED_SECRET_ACCESS_KEY, else from the
    terminal, else from standard input: the id on a line, the secret on the next. It is
    tried first. It is kept in a file that nobody else may read.
    """
    from lakebed.client.address import ServerUrl, parse_server
    from lakebed.client.profiles import DEFAULT_PROFILE, Profile

    if "://" not in url:
        raise typer.BadParameter(
            f"'{escape(url)}' is no URL: a directory needs no login, "
            "and a server is http://HOST:PORT or https://HOST"
        )
    server = parse_server(url)
    assert isinstance(server, ServerUrl)
    name = profile or profile_name()
    key_id, secret = _read_key(server.url)
    target = Target(server.url, key_id, secret, "--server", "environment", name)

    async def work(lake: AsyncClient) -> User:
        return await lake.get_current_user()

    user = ask_target(target, work)
    write_profile(name, Profile(server.url, key_id, secret))
    made = {"profile": name, "server": server.url, "user": user.id}
    line = f"logged in to {escape(server.url)} as '{escape(user.id)}'"
    if name != DEFAULT_PROFILE:
        line += f" (profile '{escape(name)}': lakebed --profile {escape(name)} ...)"
    print_fact(made, as_document=as_document, line=line)


def _read_key(url: str) -> tuple[str, str]:
    """Return the key to keep; what is typed as its secret is not shown.

    Raises:
        CommandError: there is none, or half of one.
    """
    from lakebed.client.address import KEY_ID_VARIABLE, SECRET_VARIABLE

    key_id = os.environ.get(KEY_ID_VARIABLE, "")
    secret = os.environ.get(SECRET_VARIABLE, "")
    if not key_id and not secret:
        if sys.stdin.isatty():
            key_id = typer.prompt(f"Access key id for {url}", err=True)
            secret = typer.prompt("Secret access key", hide_input=True, err=True)
        else:
            lines = sys.stdin.read(SECRET_BYTES_MAX).split()
            key_id, secret = lines if len(lines) == 2 else ("", "")
    if not key_id or not secret:
        raise CommandError(
            f"cannot log in to '{url}': no access key; set {KEY_ID_VARIABLE} and "
            f"{SECRET_VARIABLE}, or give id and secret on two lines of standard input"
        )
    return key_id.strip(), secret.strip()


def logout(
    profile: options.ProfileName = None,
    dry_run: options.DryRun = False,
    as_document: options.Json = False,
) -> None:
    """Forget the server and the key of a profile. The key itself stays good."""
    from lakebed.client.profiles import profiles_path

    name = profile or profile_name()
    kept = read_profiles().get(name)
    if kept is None:
        raise CommandError(f"no profile '{name}' in '{profiles_path()}'")
    if not dry_run:
        write_profile(name, None)
    made = {"profile": name, "server": kept.server, "dry_run": dry_run}
    verb = "would log out of" if dry_run else "logged out of"
    line = (
        f"{verb} {escape(kept.server)}; key {escape(kept.access_key_id)} stays good "
        f"until: lakebed key revoke {escape(kept.access_key_id)}"
    )
    print_fact(made, as_document=as_document, line=line)


def whoami(as_document: options.Json = False, server: options.Server = None) -> None:
    """Show which server is asked, as whom, and what says so."""
    target = find_target(server)

    async def work(lake: AsyncClient) -> User:
        return await lake.get_current_user()

    user = ask_target(target, work)
    if as_document:
        print_json(
            {
                "user": user.id,
                "is_admin": user.is_admin,
                "server": target.server,
                "server_from": target.server_from,
                "key_from": target.key_from,
                "profile": target.profile,
            }
        )
        return
    sources = {
        "--server": "--server",
        "LAKEBED_SERVER": "LAKEBED_SERVER",
        "profile": f"profile '{target.profile}'",
        "default": "nothing says otherwise",
    }
    keys = {
        "environment": "from the environment",
        "profile": f"from profile '{target.profile}'",
        "none": "none",
    }
    fields = [
        ("user", user.id),
        ("kind", "administrator" if user.is_admin else "user"),
        ("server", f"{target.server} ({sources[target.server_from]})"),
        ("key", keys[target.key_from]),
    ]
    print_fields(fields)

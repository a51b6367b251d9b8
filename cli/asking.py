"""Ask the server: open a client, run one command's work on it, explain what failed."""

from __future__ import annotations

import difflib
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from .exits import ReaderLeftError

if TYPE_CHECKING:
    from lakebed.client import AsyncClient, ClientError, NotFoundError

T = TypeVar("T")

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        "-S",
        metavar="URL|DIR",
        help="Server to ask, or a directory to open without one [$LAKEBED_SERVER]",
        show_default=False,
    ),
]

CANDIDATES_MAX = 1000
"""Names that a misspelt one is compared with; the first page, so that a mistake never
costs more than one request."""


def ask(
    server: str | None,
    work: Callable[[AsyncClient], Awaitable[T]],
    *,
    create_directory: bool = False,
) -> T:
    """Run `work` with a client of `server` and return what it returns.

    With `create_directory`, a directory that is no lake yet becomes one.

    Raises:
        ClientError: the work failed; its message has a suggestion where we know one.
    """
    import asyncio

    try:
        return asyncio.run(_ask(server, work, create_directory=create_directory))
    except BrokenPipeError:
        # Typer would take this for a failure of its own.
        raise ReaderLeftError from None


async def _ask(
    server: str | None,
    work: Callable[[AsyncClient], Awaitable[T]],
    *,
    create_directory: bool,
) -> T:
    from lakebed import client

    async with client.AsyncClient(server, create_directory=create_directory) as lake:
        try:
            return await work(lake)
        except client.NotFoundError as error:
            hint = await _suggest(lake, error)
            if hint:
                error.args = (f"{error}{hint}",)
            raise
        except client.ClientError as error:
            error.args = (f"{error}{_explain(error)}",)
            raise


async def find_user_name(lake: AsyncClient, name: str | None) -> str:
    """Return `name`; without it, that of whoever asks."""
    return name if name is not None else (await lake.get_current_user()).id


async def _suggest(lake: AsyncClient, error: NotFoundError) -> str:
    """Return "; did you mean ...?" if there is something like what was not found."""
    from lakebed import client

    repository, ref = error.fields.get("repository"), error.fields.get("ref")
    try:
        if isinstance(repository, str) and error.code == "repository-not-found":
            listing = lake.iter_repositories(limit=CANDIDATES_MAX)
            return _closest(repository, [found.id async for found in listing])
        user = error.fields.get("user")
        if isinstance(user, str) and error.code == "user-not-found":
            users = lake.iter_users(limit=CANDIDATES_MAX)
            hint = _closest(user, [found.id async for found in users])
            return hint or "; see: lakebed user list"
        if not isinstance(repository, str) or not isinstance(ref, str):
            return ""
        path = error.fields.get("path")
        if isinstance(path, str):
            folder = path.rpartition("/")[0]
            objects = lake.iter_objects(
                repository,
                ref,
                prefix=folder + "/" if folder else "",
                delimiter="/",
                limit=CANDIDATES_MAX,
            )
            return _closest(path, [found.path async for found in objects])
        branches = lake.iter_branches(repository, limit=CANDIDATES_MAX)
        names = [found.id async for found in branches]
        tags = lake.iter_tags(repository, limit=CANDIDATES_MAX)
        names += [found.id async for found in tags]
        return _closest(ref, names)
    except client.ClientError:
        # A hint that cannot be had is no reason to hide what went wrong.
        return ""


def _closest(name: str, candidates: list[str]) -> str:
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    return f"; did you mean '{close[0]}'?" if close else ""


def _explain(error: ClientError) -> str:
    """Return the way out of `error` where it is ours to know."""
    from lakebed import client
    from lakebed.client.address import KEY_ID_VARIABLE, SECRET_VARIABLE

    match error:
        case client.UnauthenticatedError():
            if os.environ.get(KEY_ID_VARIABLE):
                return f"; the key in {KEY_ID_VARIABLE} is not accepted"
            return f"; set {KEY_ID_VARIABLE} and {SECRET_VARIABLE}"
        case client.ServerUnreachableError() if "connection refused" in str(error):
            return "; 'lakebed serve DIR' starts a server, --server says where one is"
        case client.ServerUnreachableError() if "certificate" in str(error):
            return "; SSL_CERT_FILE names the certificate of an authority of your own"
        case _:
            return ""

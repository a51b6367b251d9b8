"""Ask the server: open a client, run one command's work on it, explain what failed."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from .exits import ReaderLeftError
from .http_library import import_http_library
from .profiles import Target, find_target
from .suggesting import suggest

if TYPE_CHECKING:
    from lakebed.client import AsyncClient, ClientError

T = TypeVar("T")


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
        CommandError: the profile that is to say where the server is cannot be used.
    """
    return ask_target(find_target(server), work, create_directory=create_directory)


def ask_target(
    target: Target,
    work: Callable[[AsyncClient], Awaitable[T]],
    *,
    create_directory: bool = False,
) -> T:
    """Do as `ask` does, where server and key are known."""
    import asyncio

    import_http_library()
    try:
        return asyncio.run(_ask(target, work, create_directory=create_directory))
    except BrokenPipeError:
        # Typer would take this for a failure of its own.
        raise ReaderLeftError from None


async def _ask(
    target: Target,
    work: Callable[[AsyncClient], Awaitable[T]],
    *,
    create_directory: bool,
) -> T:
    from lakebed import client

    async with client.AsyncClient(
        target.server,
        access_key_id=target.access_key_id,
        secret_access_key=target.secret_access_key,
        create_directory=create_directory,
    ) as lake:
        try:
            return await work(lake)
        except client.NotFoundError as error:
            error.args = (f"{error}{await suggest(lake, error)}",)
            raise
        except client.ClientError as error:
            error.args = (f"{error}{_explain(error, target)}",)
            raise


async def find_user_name(lake: AsyncClient, name: str | None) -> str:
    """Return `name`; without it, that of whoever asks."""
    return name if name is not None else (await lake.get_current_user()).id


def _explain(error: ClientError, target: Target) -> str:
    """Return the way out of `error` where it is ours to know."""
    from lakebed import client
    from lakebed.client.address import KEY_ID_VARIABLE, SECRET_VARIABLE

    match error:
        case client.UnauthenticatedError():
            if os.environ.get(KEY_ID_VARIABLE):
                return f"; the key in {KEY_ID_VARIABLE} is not accepted"
            if target.key_from == "profile":
                return (
                    f"; the key of profile '{target.profile}' is not accepted: "
                    f"lakebed login {target.server}"
                )
            return (
                f"; lakebed login URL, or set {KEY_ID_VARIABLE} and {SECRET_VARIABLE}"
            )
        case client.ServerUnreachableError() if "connection refused" in str(error):
            return "; 'lakebed serve DIR' starts a server, --server says where one is"
        case client.ServerUnreachableError() if "certificate" in str(error):
            return "; SSL_CERT_FILE names the certificate of an authority of your own"
        case _:
            return ""

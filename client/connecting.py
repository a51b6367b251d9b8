"""Where it begins: `connect` for programs without asyncio, `connect_async` for others.

    lake = lakebed.client.connect()
    branch = lake.repository("penguins").branch("main")

What is not said comes from where the command line has it: `LAKEBED_SERVER` and the key in
`LAKEBED_ACCESS_KEY_ID` and `LAKEBED_SECRET_ACCESS_KEY`, else the profile that `lakebed
login` wrote.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from .async_client import CONNECTIONS_MAX, TIMEOUT_S
from .profiles import Found, find_server
from .retrying import RetryPolicy

if TYPE_CHECKING:
    from .blocking.handles.lake import Lake
    from .handles.lake import AsyncLake


def connect(
    server: str | Path | None = None,
    *,
    profile: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    timeout_s: float = TIMEOUT_S,
    connections_max: int = CONNECTIONS_MAX,
    retries: RetryPolicy | None = None,
    create_directory: bool = False,
) -> Lake:
    """Return the lake at `server`; nothing is sent before it is used.

    Close it when done, or use it in a `with` statement. It may be used by several
    threads, inside of a running event loop (a notebook), and after a fork.

    Args:
        server: an URL, or a directory to serve in this process.
        profile: the name of a profile of `lakebed login`.
        timeout_s: how long the server may say nothing.
        create_directory: make a lake in the directory if there is none.

    Raises:
        InvalidRequestError: the server, key or profile cannot be right.
        ServerUnreachableError: `server` is a directory that cannot be served.
    """
    # Each waits for the modules of its own kind only.
    from .blocking.client import Client
    from .blocking.handles.lake import Lake

    found = _find(server, profile, access_key_id, secret_access_key)
    return Lake(
        Client(
            found.server,
            access_key_id=found.access_key_id,
            secret_access_key=found.secret_access_key,
            timeout_s=timeout_s,
            connections_max=connections_max,
            retries=retries,
            create_directory=create_directory,
        )
    )


def connect_async(
    server: str | Path | None = None,
    *,
    profile: str | None = None,
    access_key_id: str | None = None,
    secret_access_key: str | None = None,
    timeout_s: float = TIMEOUT_S,
    connections_max: int = CONNECTIONS_MAX,
    retries: RetryPolicy | None = None,
    create_directory: bool = False,
) -> AsyncLake:
    """Return the lake at `server`, to be used in an `async with` statement.

    Args:
        server: an URL, or a directory to serve in this process.
        profile: the name of a profile of `lakebed login`.
        timeout_s: how long the server may say nothing.
        create_directory: make a lake in the directory if there is none.

    Raises:
        InvalidRequestError: the server, key or profile cannot be right.
    """
    from .async_client import AsyncClient
    from .handles.lake import AsyncLake

    found = _find(server, profile, access_key_id, secret_access_key)
    return AsyncLake(
        AsyncClient(
            found.server,
            access_key_id=found.access_key_id,
            secret_access_key=found.secret_access_key,
            timeout_s=timeout_s,
            connections_max=connections_max,
            retries=retries,
            create_directory=create_directory,
        )
    )


def _find(
    server: str | Path | None,
    profile: str | None,
    key_id: str | None,
    secret: str | None,
) -> Found:
    if key_id is not None or secret is not None:
        return Found(find_server(server, profile=profile).server, key_id, secret)
    return find_server(server, profile=profile)


_revived: dict[tuple[int, str], Lake] = {}
_reviving = threading.Lock()


def revive_lake(server: str) -> Lake:
    """Return the lake of a handle that comes out of a pickle.

    A pickle has the server's name and no key: that is the one that this process has. All
    handles of one server share a connection, which ends with the process.
    """
    with _reviving:
        key = (os.getpid(), server)
        if key not in _revived:
            _revived[key] = connect(server)
        return _revived[key]


def default_lake() -> Lake:
    """Return the lake that `connect()` finds; all of a process share its connection."""
    return revive_lake(str(find_server(None).server))


def revive_async_lake(server: str) -> AsyncLake:
    """Return the lake of a handle that comes out of a pickle; it is not open yet."""
    return connect_async(server)

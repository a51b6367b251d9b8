"""The Python client of lakebed. Read `async_client.py` first.

Names are imported when they are used: the command line should not wait for an HTTP
library in order to print its help.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .blocking.client import Client
    from .errors import (
        ClientError,
        ConflictError,
        InvalidRequestError,
        MergeConflictError,
        NotFoundError,
        NothingToCommitError,
        PermissionDeniedError,
        PreconditionFailedError,
        ServerBusyError,
        ServerError,
        ServerPartMissingError,
        ServerUnreachableError,
        UnauthenticatedError,
    )
    from .retrying import NO_RETRIES, RetryPolicy

__all__ = [
    "NO_RETRIES",
    "AsyncClient",
    "Client",
    "ClientError",
    "ConflictError",
    "InvalidRequestError",
    "MergeConflictError",
    "NotFoundError",
    "NothingToCommitError",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "RetryPolicy",
    "ServerBusyError",
    "ServerError",
    "ServerPartMissingError",
    "ServerUnreachableError",
    "UnauthenticatedError",
]

_HOMES = {
    "AsyncClient": ".async_client",
    "Client": ".blocking.client",
    "NO_RETRIES": ".retrying",
    "RetryPolicy": ".retrying",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'lakebed.client' has no attribute '{name}'")
    return getattr(import_module(_HOMES.get(name, ".errors"), __name__), name)

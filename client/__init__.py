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
        ForeignServerError,
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
    from .operations.bulk_download import DownloadReport, ObjectDownload
    from .operations.bulk_upload import UploadReport
    from .operations.bundling import ObjectContent, ObjectUpload
    from .retrying import NO_RETRIES, RetryPolicy

__all__ = [
    "NO_RETRIES",
    "AsyncClient",
    "Client",
    "ClientError",
    "ConflictError",
    "DownloadReport",
    "ForeignServerError",
    "InvalidRequestError",
    "MergeConflictError",
    "NotFoundError",
    "NothingToCommitError",
    "ObjectContent",
    "ObjectDownload",
    "ObjectUpload",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "RetryPolicy",
    "ServerBusyError",
    "ServerError",
    "ServerPartMissingError",
    "ServerUnreachableError",
    "UnauthenticatedError",
    "UploadReport",
]

_HOMES = {
    "AsyncClient": ".async_client",
    "Client": ".blocking.client",
    "DownloadReport": ".operations.bulk_download",
    "NO_RETRIES": ".retrying",
    "ObjectContent": ".operations.bundling",
    "ObjectDownload": ".operations.bulk_download",
    "ObjectUpload": ".operations.bundling",
    "RetryPolicy": ".retrying",
    "UploadReport": ".operations.bulk_upload",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'lakebed.client' has no attribute '{name}'")
    return getattr(import_module(_HOMES.get(name, ".errors"), __name__), name)

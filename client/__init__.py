"""The Python client of lakebed. Read `connecting.py` first.

    lake = lakebed.client.connect()
    branch = lake.repository("penguins").branch("main")
    with branch.transaction("Clean the table") as tx:
        tx.upload("table.csv", clean(tx.read("table.csv")))

Below are the flat clients, `async_client.py`, with every operation there is.

Names are imported when they are used: the command line should not wait for an HTTP
library in order to print its help.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .async_client import AsyncClient
    from .blocking.client import Client
    from .blocking.handles.branch import Branch
    from .blocking.handles.lake import Lake
    from .blocking.handles.model import Model
    from .blocking.handles.ref import Ref, Tag
    from .blocking.handles.repository import Repository
    from .blocking.handles.transaction import Transaction
    from .connecting import connect, connect_async
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
    from .handles.branch import AsyncBranch
    from .handles.lake import AsyncLake
    from .handles.model import AsyncModel
    from .handles.ref import AsyncRef, AsyncTag
    from .handles.repository import AsyncRepository
    from .handles.transaction import AsyncTransaction
    from .operations.bulk_download import DownloadReport, ObjectDownload
    from .operations.bulk_upload import UploadReport
    from .operations.bundling import ObjectContent, ObjectUpload
    from .retrying import NO_RETRIES, RetryPolicy
    from .values import Change, Commit, Conflict, Move, ObjectInfo, Rows, Size

__all__ = [
    "NO_RETRIES",
    "AsyncBranch",
    "AsyncClient",
    "AsyncLake",
    "AsyncModel",
    "AsyncRef",
    "AsyncRepository",
    "AsyncTag",
    "AsyncTransaction",
    "Branch",
    "Change",
    "Client",
    "ClientError",
    "Commit",
    "Conflict",
    "ConflictError",
    "DownloadReport",
    "ForeignServerError",
    "InvalidRequestError",
    "Lake",
    "MergeConflictError",
    "Model",
    "Move",
    "NotFoundError",
    "NothingToCommitError",
    "ObjectContent",
    "ObjectDownload",
    "ObjectInfo",
    "ObjectUpload",
    "PermissionDeniedError",
    "PreconditionFailedError",
    "Ref",
    "Repository",
    "RetryPolicy",
    "Rows",
    "ServerBusyError",
    "ServerError",
    "ServerPartMissingError",
    "ServerUnreachableError",
    "Size",
    "Tag",
    "Transaction",
    "UnauthenticatedError",
    "UploadReport",
    "connect",
    "connect_async",
]

_HOMES = {
    "AsyncBranch": ".handles.branch",
    "AsyncClient": ".async_client",
    "AsyncLake": ".handles.lake",
    "AsyncModel": ".handles.model",
    "AsyncRef": ".handles.ref",
    "AsyncRepository": ".handles.repository",
    "AsyncTag": ".handles.ref",
    "AsyncTransaction": ".handles.transaction",
    "Branch": ".blocking.handles.branch",
    "Change": ".values",
    "Client": ".blocking.client",
    "Commit": ".values",
    "Conflict": ".values",
    "DownloadReport": ".operations.bulk_download",
    "Lake": ".blocking.handles.lake",
    "Model": ".blocking.handles.model",
    "Move": ".values",
    "NO_RETRIES": ".retrying",
    "ObjectContent": ".operations.bundling",
    "ObjectDownload": ".operations.bulk_download",
    "ObjectInfo": ".values",
    "ObjectUpload": ".operations.bundling",
    "Ref": ".blocking.handles.ref",
    "Repository": ".blocking.handles.repository",
    "RetryPolicy": ".retrying",
    "Rows": ".values",
    "Size": ".values",
    "Tag": ".blocking.handles.ref",
    "Transaction": ".blocking.handles.transaction",
    "UploadReport": ".operations.bulk_upload",
    "connect": ".connecting",
    "connect_async": ".connecting",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'lakebed.client' has no attribute '{name}'")
    return getattr(import_module(_HOMES.get(name, ".errors"), __name__), name)

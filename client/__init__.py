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
        DamagedDataError,
        ForeignServerError,
        InvalidProofError,
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
    from .proofs import Proof, verify_proof
    from .retrying import NO_RETRIES, RetryPolicy
    from .runs.here import current_run, run
    from .runs.outcome import RunNotPublishedError
    from .runs.recording import RunInput
    from .runs.run import AsyncRun, Run
    from .seeding import seed_everything
    from .values import (
        Change,
        Commit,
        Conflict,
        Measured,
        Move,
        ObjectInfo,
        Rows,
        Size,
    )

__all__ = [
    "NO_RETRIES",
    "AsyncBranch",
    "AsyncClient",
    "AsyncLake",
    "AsyncModel",
    "AsyncRef",
    "AsyncRepository",
    "AsyncRun",
    "AsyncTag",
    "AsyncTransaction",
    "Branch",
    "Change",
    "Client",
    "ClientError",
    "Commit",
    "Conflict",
    "ConflictError",
    "DamagedDataError",
    "DownloadReport",
    "ForeignServerError",
    "InvalidProofError",
    "InvalidRequestError",
    "Lake",
    "Measured",
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
    "Proof",
    "Ref",
    "Repository",
    "RetryPolicy",
    "Rows",
    "Run",
    "RunInput",
    "RunNotPublishedError",
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
    "current_run",
    "run",
    "seed_everything",
    "verify_proof",
]

_HOMES = {
    "AsyncBranch": ".handles.branch",
    "AsyncClient": ".async_client",
    "AsyncLake": ".handles.lake",
    "AsyncModel": ".handles.model",
    "AsyncRef": ".handles.ref",
    "AsyncRepository": ".handles.repository",
    "AsyncRun": ".runs.run",
    "AsyncTag": ".handles.ref",
    "AsyncTransaction": ".handles.transaction",
    "Branch": ".blocking.handles.branch",
    "Change": ".values",
    "Client": ".blocking.client",
    "Commit": ".values",
    "Conflict": ".values",
    "DownloadReport": ".operations.bulk_download",
    "Lake": ".blocking.handles.lake",
    "Measured": ".values",
    "Model": ".blocking.handles.model",
    "Move": ".values",
    "NO_RETRIES": ".retrying",
    "ObjectContent": ".operations.bundling",
    "ObjectDownload": ".operations.bulk_download",
    "ObjectInfo": ".values",
    "ObjectUpload": ".operations.bundling",
    "Proof": ".proofs",
    "Ref": ".blocking.handles.ref",
    "Repository": ".blocking.handles.repository",
    "RetryPolicy": ".retrying",
    "Rows": ".values",
    "Run": ".runs.run",
    "RunInput": ".runs.recording",
    "RunNotPublishedError": ".runs.outcome",
    "Size": ".values",
    "Tag": ".blocking.handles.ref",
    "Transaction": ".blocking.handles.transaction",
    "UploadReport": ".operations.bulk_upload",
    "connect": ".connecting",
    "connect_async": ".connecting",
    "current_run": ".runs.here",
    "run": ".runs.here",
    "seed_everything": ".seeding",
    "verify_proof": ".proofs",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'lakebed.client' has no attribute '{name}'")
    return getattr(import_module(_HOMES.get(name, ".errors"), __name__), name)

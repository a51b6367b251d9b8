"""The asynchronous client: everything that can be asked of a server.

    async with AsyncClient("http://127.0.0.1:8000") as lake:
        await lake.upload_object("penguins", "main", "raw.csv", Path("raw.csv"))
        commit = await lake.commit("penguins", "main", "Add the raw table")

The operations are in `operations/`, by subject. One client keeps one pool of
connections and may be used by any number of tasks of its loop at once. Errors are those
of `errors.py`; what is safe to repeat is repeated, as `retrying.py` says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from .address import find_access_key, parse_server
from .operations.folders import FolderOperations
from .operations.history import HistoryOperations
from .operations.models import ModelOperations
from .operations.people import PeopleOperations
from .operations.repositories import RepositoryOperations
from .operations.runs import RunOperations
from .operations.transactions import TransactionOperations
from .retrying import RetryPolicy
from .transport import Transport

TIMEOUT_S = 120.0
"""Silence of the server that is taken for its end. A commit of millions of changes
answers nothing for a minute; a dead host should not hold a script for an hour."""

CONNECTIONS_MAX = 32
"""Connections at once; more does not help one client against one server."""


class AsyncClient(
    RepositoryOperations,
    PeopleOperations,
    TransactionOperations,
    HistoryOperations,
    FolderOperations,
    RunOperations,
    ModelOperations,
):
    """A client of one server."""

    def __init__(
        self,
        server: str | Path | None = None,
        *,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        timeout_s: float = TIMEOUT_S,
        connections_max: int = CONNECTIONS_MAX,
        retries: RetryPolicy | None = None,
        create_directory: bool = False,
    ) -> None:
        """Prepare a client; nothing is sent before the `async with`.

        Args:
            server: an URL, or a directory to serve in this process. None takes
                `LAKEBED_SERVER`, and without it `http://127.0.0.1:8000`.
            access_key_id: with `secret_access_key`, who is asking. None takes
                `LAKEBED_ACCESS_KEY_ID` and `LAKEBED_SECRET_ACCESS_KEY`.
            timeout_s: how long the server may say nothing.
            create_directory: make a lake in the directory if there is none.

        Raises:
            InvalidRequestError: `server` or the key cannot be right.
        """
        address = parse_server(server, may_create=create_directory)
        super().__init__(
            Transport(
                address,
                key=find_access_key(access_key_id, secret_access_key),
                timeout_s=timeout_s,
                connections_max=connections_max,
                retries=retries or RetryPolicy(),
            )
        )
        self.address = address
        self.server = str(address)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and a directory that was served here."""
        await self._transport.close()

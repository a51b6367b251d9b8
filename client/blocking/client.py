"""The blocking client: everything that can be asked of a server, without `await`.

    with Client("http://127.0.0.1:8000") as lake:
        lake.upload_object("penguins", "main", "raw.csv", Path("raw.csv"))
        commit = lake.commit("penguins", "main", "Add the raw table")

The methods are those of `AsyncClient`, by the same names and with the same parameters;
a test holds the two together. One client may be used by several threads at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from ..address import ServerDirectory, find_access_key, parse_server
from ..async_client import CONNECTIONS_MAX, TIMEOUT_S, AsyncClient
from ..retrying import RetryPolicy
from .folders import BlockingFolderOperations
from .history import BlockingHistoryOperations
from .models import BlockingModelOperations
from .people import BlockingPeopleOperations
from .repositories import BlockingRepositoryOperations
from .runs import BlockingRunOperations
from .transactions import BlockingTransactionOperations


class Client(
    BlockingRepositoryOperations,
    BlockingPeopleOperations,
    BlockingTransactionOperations,
    BlockingHistoryOperations,
    BlockingFolderOperations,
    BlockingRunOperations,
    BlockingModelOperations,
):
    """A client of one server, for programs that do not use asyncio."""

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
        """Connect to `server`; the parameters are those of `AsyncClient`.

        Close it when done, or use it in a `with` statement.

        Raises:
            InvalidRequestError: `server` or the key cannot be right.
            ServerUnreachableError: `server` is a directory that cannot be served.
        """
        address = parse_server(server, may_create=create_directory)
        key = find_access_key(access_key_id, secret_access_key)

        def make() -> AsyncClient:
            return AsyncClient(
                address.path if isinstance(address, ServerDirectory) else address.url,
                access_key_id=key.id if key is not None else None,
                secret_access_key=key.secret if key is not None else None,
                timeout_s=timeout_s,
                connections_max=connections_max,
                retries=retries,
                create_directory=create_directory,
            )

        super().__init__(make)
        self.server = str(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread; again is nothing."""
        self._connection.close()

"""The server of a run, asked with the key of whoever types."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..profiles import find_target

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.runs.spool import SpoolHead


def client_of(server: str | None) -> Callable[[SpoolHead], AsyncClient]:
    """Return what makes a client of the server of a run, with our own key.

    A key is sent to no server but the one that it was said for.
    """

    def make(head: SpoolHead) -> AsyncClient:
        from lakebed.client import AsyncClient

        target = find_target(server)
        is_its_own = target.server.rstrip("/") == head.server.rstrip("/")
        return AsyncClient(
            head.server,
            access_key_id=target.access_key_id if is_its_own else "",
            secret_access_key=target.secret_access_key if is_its_own else "",
        )

    return make

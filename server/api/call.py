"""What a handler is given: one request, authenticated, authorised and decoded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from aiohttp import web

from ..auth.authenticate import Authenticator, Principal
from ..auth.authorize import Permission, authorize
from ..httprules.streams import Streams
from ..ids import CommitId
from ..repository.engine import Engine
from ..repository.once import Once, run_once
from ..settings import Settings


class NoQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query without parameters; the base of those that have some."""


class NoBody:
    """The operation reads no body."""


class Streamed:
    """The operation reads the body itself, as it comes."""


Q = TypeVar("Q", bound=NoQuery)
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One request."""

    engine: Engine
    auth: Authenticator
    settings: Settings
    streams: Streams
    principal: Principal
    request: web.BaseRequest
    names: Mapping[str, str]
    """The names in the path, decoded."""
    query: Q
    body: B
    once: Once | None = None
    """The idempotency key, if the route honours one and the request has one."""

    @property
    def actor(self) -> str:
        """The name of who asks; what commits and the ref log show."""
        return self.principal.name

    async def run_once(self, operation: Callable[[], Awaitable[CommitId]]) -> CommitId:
        """Return what `operation` comes to, or came to at the first such request."""
        return await run_once(self.engine, self.once, operation)

    def require_read(self, repository: str, ref: str) -> None:
        """Return if the caller may read `ref` too, which is not in the path.

        Raises:
            PermissionDeniedError: they may not.
        """
        authorize(self.principal, Permission.READ, repository, ref)

    @property
    def repository(self) -> str:
        """The name of the repository in the path."""
        return self.names["repository"]

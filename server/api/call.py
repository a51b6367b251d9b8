"""What a handler is given: one request, authenticated, authorised and decoded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec
from aiohttp import web

from ..auth.authenticate import Authenticator, Principal
from ..auth.authorize import Permission, is_allowed
from ..auth.caller import PrincipalCaller
from ..auth.people import People
from ..httprules.streams import Streams
from ..ids import CommitId
from ..provenance.losing import LostRuns
from ..repository.engine import Engine
from ..repository.once import Once, run_once
from ..repository.paging import Filter
from ..settings import Settings


class NoQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query without parameters; the base of those that have some."""


class NoBody:
    """The operation reads no body."""


class Streamed:
    """The operation reads the body itself, as it comes: whatever bytes it has."""


class Uploaded(Streamed):
    """The body is an object: raw, or the field `content` of a form."""


Q = TypeVar("Q", bound=NoQuery)
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Call(Generic[Q, B]):
    """One request."""

    engine: Engine
    auth: Authenticator
    people: People
    settings: Settings
    streams: Streams
    principal: Principal
    request: web.BaseRequest
    names: Mapping[str, str]
    """The names in the path, decoded."""
    query: Q
    body: B
    lost_runs: LostRuns
    once: Once | None = None
    """The idempotency key, if the route honours one and the request has one."""

    @property
    def caller(self) -> PrincipalCaller:
        """Who asks, as operations on runs see it."""
        return PrincipalCaller(self.principal)

    @property
    def actor(self) -> str:
        """The name of who asks; what commits and the ref log show."""
        return self.principal.name

    async def run_once(self, operation: Callable[[], Awaitable[CommitId]]) -> CommitId:
        """Return what `operation` comes to, or came to at the first such request."""
        return await run_once(self.engine, self.once, operation)

    @property
    def shown_repositories(self) -> Filter | None:
        """What a listing of repositories shows the caller; None: everything."""
        if self.principal.is_admin:
            return None
        return lambda name: is_allowed(self.principal, Permission.READ, name, None)

    @property
    def shown_refs(self) -> Filter | None:
        """What a listing of refs of the repository shows the caller."""
        if self.principal.is_admin:
            return None
        return lambda name: is_allowed(
            self.principal, Permission.READ, self.repository, name
        )

    @property
    def repository(self) -> str:
        """The name of the repository in the path."""
        return self.names["repository"]

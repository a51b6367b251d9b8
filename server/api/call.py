"""What a handler is given: one request, authenticated, authorised and decoded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
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
from ..provenance.observing import Observer
from ..provenance.views import Use, View, see
from ..refs.store import Repository
from ..repository.engine import Engine
from ..repository.once import Once, run_once
from ..repository.paging import Filter
from ..settings import Settings
from ..tree.entry import Entry


class NoQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query without parameters; the base of those that have some."""


class NoBody:
    """The operation reads no body."""


class Streamed:
    """The operation reads the body itself, as it comes: whatever bytes it has."""


class Kept(Streamed):
    """The body is a file to keep, which may be empty."""


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
    observer: Observer
    once: Once | None = None
    """The idempotency key, if the route honours one and the request has one."""

    views: Mapping[str, View] = field(default_factory=dict[str, View])
    """If the key is a run's: refs as it sees them, by their places in the request."""

    def written(self, place: str) -> str:
        """Return the ref at `place`, a name in the path, as the request has it."""
        view = self.views.get(place)
        return self.names[place] if view is None else view.written

    async def see(self, ref: str) -> str:
        """Return a ref of a list in the body, to be read, as the caller sees it."""
        run = self.principal.run
        if run is None:
            return ref
        return (await see(self.engine, run, self.repository, ref, Use.READ)).ref

    async def observe(
        self,
        place: str,
        where: Repository,
        entries: Sequence[Entry],
        commit_id: CommitId | None,
    ) -> None:
        """Record that the caller reads `entries` of the ref at `place`, if it is a run."""
        run, view = self.principal.run, self.views.get(place)
        if run is not None and view is not None:
            await self.observer.observe(run, view, where, entries, commit_id)

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

    def may_force(self, wanted: bool) -> bool:
        """Tell whether `force`, if it is `wanted`, counts: from who administers it."""
        return wanted and is_allowed(
            self.principal, Permission.ADMIN, self.repository, None
        )

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

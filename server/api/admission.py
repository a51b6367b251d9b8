"""Who may call a route: everything that its row of the table asks, and in which order.

What the path names is asked for before the query and the body are read. What those name
is asked for after, and before the operation; until then it is enough that the caller
could do something of the kind somewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import msgspec

from ..auth.authorize import (
    SOMEWHERE,
    Permission,
    Somewhere,
    authorize,
    authorize_for_user,
)
from ..auth.principal import Principal
from ..auth.requirements import Anyone, ForEach, SignedIn, Themselves
from ..provenance.views import Use, View, see
from ..runs.rows import RunScope
from .call import Call, NoQuery

Requirement: TypeAlias = Permission | Anyone | SignedIn | Themselves | ForEach

USER = "user"
"""The name of a template that stands for a user."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request names a repository or a ref."""

    part: Literal["path", "query", "body", "fixed"]
    field: str
    """Of the part; where it is `fixed`, what every request names."""

    @classmethod
    def parse(cls, text: str) -> Place:
        """Return the place that a row of the table writes as `text`.

        `branch` is a name in the path; `query.ref` and `body.source` are fields;
        `=models` is always `models`.
        """
        if text.startswith("="):
            return cls("fixed", text[1:])
        match text.split("."):
            case [field]:
                return cls("path", field)
            case ["query", field]:
                return cls("query", field)
            case ["body", field]:
                return cls("body", field)
            case _:
                raise TypeError(f"'{text}' is no place in a request")

    @property
    def text(self) -> str:
        """The place as a row of the table writes it."""
        return self.field if self.part == "path" else f"{self.part}.{self.field}"

    def check(
        self, names: tuple[str, ...], query: type[NoQuery], body: type[Any]
    ) -> None:
        """Return if requests of these shapes have this place.

        Raises:
            TypeError: they have not. The server must not start then.
        """
        has = {
            "fixed": (self.field,),
            "path": names,
            "query": query.__struct_fields__,
            "body": (
                body.__struct_fields__ if issubclass(body, msgspec.Struct) else ()
            ),
        }
        if self.field not in has[self.part]:
            raise TypeError(f"there is no '{self.field}' in the {self.part}")

    def find(self, call: Call[Any, Any]) -> str | None:
        """Return what `call` has there; None if it leaves it out."""
        if self.part == "path":
            return call.names[self.field]
        if self.part == "fixed":
            return self.field
        value: str | None = getattr(getattr(call, self.part), self.field)
        return value or None


@dataclass(frozen=True, slots=True)
class Admission:
    """The conditions of one route."""

    requirement: Requirement
    repository: Place | None
    """None: the operation is not about one repository."""
    ref: Place | None
    """None: it is about the repository itself."""
    reads: tuple[Place, ...] = ()
    """Further refs, which the operation reads."""
    use: Use = Use.ITSELF
    """What it does with `ref`, for whom the key of a run is used."""

    def check(
        self, names: tuple[str, ...], query: type[NoQuery], body: type[Any]
    ) -> None:
        """Return if requests of these shapes have every place; see `Place.check`."""
        for place in (self.repository, self.ref, *self.reads):
            if place is not None:
                place.check(names, query, body)
        if isinstance(self.requirement, Themselves) and USER not in names:
            raise TypeError(f"there is no '{USER}' in the path")

    def ask_first(self, principal: Principal, names: Mapping[str, str]) -> None:
        """Return if `principal` may do what the path alone says.

        Raises:
            PermissionDeniedError
        """
        match self.requirement:
            case Themselves():
                authorize_for_user(principal, names[USER])
            case Permission() as permission:
                self._ask(
                    principal,
                    permission,
                    _read_path(self.repository, names),
                    _read_path(self.ref, names),
                )
            case ForEach(permission):
                self._ask(
                    principal,
                    permission,
                    _read_path(self.repository, names),
                    SOMEWHERE,
                )
            case Anyone() | SignedIn():
                pass
        for place in self.reads:
            if place.part == "path":
                repository = _read_path(self.repository, names)
                authorize(principal, Permission.READ, repository, names[place.field])

    def ask_again(self, call: Call[Any, Any]) -> None:
        """Return if the caller may do what query and body say.

        Raises:
            PermissionDeniedError
        """
        repository = self.repository.find(call) if self.repository else None
        if isinstance(self.requirement, Permission):
            ref = self.ref.find(call) if self.ref else None
            if _is_behind(self.repository) or _is_behind(self.ref):
                authorize(call.principal, self.requirement, repository, ref)
        for place in self.reads:
            if _is_behind(place) and (ref := place.find(call)) is not None:
                authorize(call.principal, Permission.READ, repository, ref)

    async def see(self, call: Call[Any, Any], run: RunScope) -> Call[Any, Any]:
        """Return `call` with each ref as `run` sees it; it was let in to them before.

        Raises:
            RunEndedError, PermissionDeniedError, and what `views.see` raises.
        """
        views: dict[str, View] = {}
        repository = self.repository.find(call) if self.repository else None
        places = [(place, Use.READ) for place in self.reads]
        if self.ref is not None:
            places.insert(0, (self.ref, self.use))
        for place, use in places:
            ref = place.find(call)
            if ref is None or repository is None:
                continue
            views[place.text] = await see(call.engine, run, repository, ref, use)
        names, query, body = dict(call.names), call.query, call.body
        for place, _ in places:
            view = views.get(place.text)
            if view is None:
                continue
            if place.part == "path":
                names[place.field] = view.ref
            elif place.part == "query":
                query = msgspec.structs.replace(query, **{place.field: view.ref})
            else:
                body = msgspec.structs.replace(body, **{place.field: view.ref})
        return replace(call, names=names, query=query, body=body, views=views)

    @staticmethod
    def _ask(
        principal: Principal,
        permission: Permission,
        repository: str | Somewhere | None,
        ref: str | Somewhere | None,
    ) -> None:
        # Without a repository there is nothing in which a ref could be asked for.
        if repository is SOMEWHERE:
            ref = SOMEWHERE
        authorize(principal, permission, repository, ref)


def _is_behind(place: Place | None) -> bool:
    """Tell whether `place` is read after the path."""
    return place is not None and place.part in ("query", "body")


def _read_path(place: Place | None, names: Mapping[str, str]) -> str | Somewhere | None:
    if place is None:
        return None
    if place.part == "fixed":
        return place.field
    return names[place.field] if place.part == "path" else SOMEWHERE

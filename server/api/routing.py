"""Routes and how a request finds its own.

A template is a path whose `{names}` stand for one segment each. Templates of the same
length are told apart by which segments are names: a path is looked up once for each
such mask, in the order in which the masks first appear in the table, so that finding a
route costs two or three look-ups however many routes there are, and the table decides
who comes first where two templates fit (`refs/{ref}/commits` and `refs/log/{name}`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from aiohttp import web
from lakebed.client.wire import RequestBody

from ..auth.authorize import Permission
from ..auth.requirements import Anyone, ForEach, SignedIn, Themselves
from ..errors import MethodNotAllowedError, RouteNotFoundError
from ..provenance.views import Use
from .admission import Admission, Place, Requirement
from .call import Call, NoBody, NoQuery, Streamed
from .headers import Header
from .targets import QueryReader, decode_component

__all__ = [
    "Anyone",
    "Compiled",
    "ForEach",
    "Requirement",
    "Route",
    "Router",
    "SignedIn",
    "Themselves",
    "compile_route",
]

Handler = Callable[[Call[Any, Any]], Awaitable[web.StreamResponse]]

JSON_BYTES_MAX = 4 * 1024 * 1024
"""A batch of 1,000 paths of 1,024 bytes, every character escaped, is 6 MiB; as people
name things it is 0.1 MiB. 4 MiB holds any batch that is meant."""


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the table: one method of one path."""

    method: str
    template: str
    handler: Handler
    requirement: Requirement | None = None
    """What the caller must be; a route that does not say stops the start."""
    ref_name: str | None = None
    """Where the ref is that the permission is asked for: a name of the template, or
    `query.FIELD` or `body.FIELD`. None: it is asked for the repository."""
    reads: tuple[str, ...] = ()
    """Where further refs are, which must be readable. Every ref that a request can name
    is here or in `ref_name`."""
    repository_name: str = "repository"
    """Where the repository is, or `=NAME` if it is always the same; where the template
    has no such name, and this is not said, the operation is about the lake."""
    body_bytes_max: int | None = JSON_BYTES_MAX
    """Longest body; None: as long as it likes, because it is streamed."""
    is_idempotent: bool = False
    """An `Idempotency-Key` is honoured: the effect happens once a key."""

    use: Use | None = None
    """What it does with the ref that `ref_name` says, for whom the key of a run is used;
    None: what its permission says. `provenance/views.py`."""

    headers: tuple[Header, ...] = ()
    """Headers that the handler reads, beside those that every request may have."""
    operation: str = ""
    """What the operation is called if not as its handler, which may serve several."""

    @property
    def name(self) -> str:
        """What the operation is called in documents, figures and the access log.

        It is the name of the handler as other languages write it. Where the lakeFS API
        has the operation, it is called as there: clients are generated from it.
        """
        if self.operation:
            return self.operation
        first, *others = self.handler.__name__.split("_")
        return first + "".join(map(str.capitalize, others))

    @property
    def use_of_ref(self) -> Use:
        """What it does with its ref, as the key of a run sees it."""
        if self.use is not None:
            return self.use
        return Use.READ if self.requirement is Permission.READ else Use.WRITE

    @property
    def names(self) -> tuple[str, ...]:
        """The names in the template, in their order."""
        segments = self.template.split("/")
        return tuple(each[1:-1] for each in segments if each.startswith("{"))

    @property
    def models(self) -> tuple[type[Any], type[Any]]:
        """The shapes of the query and the body, as the handler's signature has them."""
        # Of a method the function, which all of its objects share.
        return _read_models(getattr(self.handler, "__func__", self.handler))


@cache
def _read_models(handler: Callable[..., Any]) -> tuple[type[Any], type[Any]]:
    call = get_type_hints(handler).get("call")
    if get_origin(call) is not Call:
        raise TypeError(f"{handler!r} does not take 'call: Call[QUERY, BODY]'")
    query, body = get_args(call)
    return query, body


_reader_of = cache(QueryReader[Any])
"""Many operations have the same query, most of them none."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """A route made ready to answer requests."""

    route: Route
    name_at: tuple[tuple[int, str], ...]
    """Where in the path which name stands."""
    query: QueryReader[Any]
    body: msgspec.json.Decoder[Any] | None
    """None: there is no body, or the handler streams it."""
    is_streamed: bool
    admission: Admission


def compile_route(route: Route) -> Compiled:
    """Return `route` made ready.

    Raises:
        TypeError: it declares no permission, or one for what it does not have, or its
            handler no models. The server must not start then.
    """
    if route.requirement is None:
        raise TypeError(f"{route.method} {route.template} declares no permission")
    query, body = route.models
    if not issubclass(query, NoQuery):
        raise TypeError(f"{route.method} {route.template}: {query!r} is no query")
    is_json = shape_of_body(body) is not None
    if not is_json and not issubclass(body, NoBody | Streamed):
        raise TypeError(f"{route.method} {route.template}: {body!r} is no request body")
    name_at = tuple(
        (place, segment[1:-1])
        for place, segment in enumerate(route.template.split("/"))
        if segment.startswith("{")
    )
    return Compiled(
        route,
        name_at,
        _reader_of(query),
        msgspec.json.Decoder(body) if is_json else None,
        is_streamed(body),
        _compile_admission(
            route,
            tuple(name for _, name in name_at),
            query,
            # A list has no field that could name a ref.
            NoBody if get_origin(body) is list else body,
        ),
    )


def shape_of_body(body: Any) -> type[RequestBody] | None:
    """Return the shape of a JSON body, or of each in a list; None: it is not JSON."""
    if get_origin(body) is list:
        (body,) = get_args(body)
    if isinstance(body, type) and issubclass(body, RequestBody):
        return body
    return None


def is_streamed(body: Any) -> bool:
    """Tell whether the handler reads the body itself, as it comes."""
    return isinstance(body, type) and issubclass(body, Streamed)


def _compile_admission(
    route: Route, names: tuple[str, ...], query: type[NoQuery], body: type[Any]
) -> Admission:
    assert route.requirement is not None
    repository = Place.parse(route.repository_name)
    has_repository = repository.part != "path" or repository.field in names
    admission = Admission(
        route.requirement,
        repository if has_repository else None,
        Place.parse(route.ref_name) if route.ref_name is not None else None,
        tuple(Place.parse(place) for place in route.reads),
        route.use_of_ref,
    )
    try:
        admission.check(names, query, body)
    except TypeError as error:
        raise TypeError(f"{route.method} {route.template}: {error}") from None
    return admission


class Router:
    """Finds the route of a request."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._masks: dict[int, list[tuple[int, ...]]] = {}
        """By the number of segments: the sets of places where names stand."""
        self._methods: dict[tuple[str | None, ...], dict[str, Compiled]] = {}
        for route in routes:
            self._add(compile_route(route))

    def _add(self, compiled: Compiled) -> None:
        segments = compiled.route.template.split("/")
        mask = tuple(place for place, _ in compiled.name_at)
        masks = self._masks.setdefault(len(segments), [])
        if mask not in masks:
            masks.append(mask)
        methods = self._methods.setdefault(_blank(segments, mask), {})
        if compiled.route.method in methods:
            raise ValueError(
                f"two routes for {compiled.route.method} {compiled.route.template}"
            )
        methods[compiled.route.method] = compiled

    def match(self, method: str, path: str) -> tuple[Compiled, dict[str, str]]:
        """Return the route of a raw request path, and the names in it, decoded.

        Raises:
            RouteNotFoundError: no template fits the path.
            MethodNotAllowedError: some do, but with other methods.
            InvalidValueError: a name in the path does not decode.
        """
        segments = path.split("/")
        allowed: set[str] = set()
        for mask in self._masks.get(len(segments), ()):
            methods = self._methods.get(_blank(segments, mask))
            if methods is None:
                continue
            compiled = methods.get(method)
            if compiled is None and method == "HEAD":
                compiled = methods.get("GET")  # whose body is not sent: RFC 9110, 9.3.2
            if compiled is None:
                if not allowed:  # what the path was made for, not what else fits it
                    allowed.update(methods)
                continue
            names = {
                name: decode_component(segments[place], name)
                for place, name in compiled.name_at
            }
            if "" in names.values():
                break
            return compiled, names
        if allowed:
            allowed |= {"OPTIONS"} | ({"HEAD"} if "GET" in allowed else set())
            raise MethodNotAllowedError(method, sorted(allowed))
        raise RouteNotFoundError(path)


def _blank(segments: Sequence[str], mask: tuple[int, ...]) -> tuple[str | None, ...]:
    blanked: list[str | None] = list(segments)
    for place in mask:
        blanked[place] = None
    return tuple(blanked)

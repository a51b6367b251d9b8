"""One request of the REST interface, from its raw target to its answer.

The order is fixed: find the route; authenticate; authorise what the path names; read the
body; read the query; authorise what they name; call the operation. Nothing of a body is
read before the caller may send it, and nothing is looked up in a repository before the
caller may know that it is there.
"""

from __future__ import annotations

import hashlib
import logging
from http import HTTPStatus

import msgspec
from aiohttp import web

from ..auth.authenticate import ANONYMOUS, Authenticator, Principal
from ..auth.people import People
from ..errors import (
    InvalidValueError,
    LakeError,
    MethodNotAllowedError,
)
from ..httprules.receiving import Patience
from ..httprules.streams import Streams
from ..httprules.whole import WholeAnswer
from ..provenance.losing import LostRuns
from ..provenance.observing import Observer
from ..repository.engine import Engine
from ..repository.once import Once
from ..serving.exchange import Exchange
from ..settings import Settings
from .answers import name_answer
from .bodies import read_json
from .call import Call, NoBody, Streamed
from .document.site import Site
from .headers import read_idempotency_key
from .naming import name_field
from .origins import SAFE_METHODS, refuse_cross_site, refuse_foreign_cookie
from .presigning import is_presigned, read_address
from .problems import answer_internal_error, answer_problem, show_allowed
from .routes import ROUTES
from .routing import Anyone, Compiled, Router
from .targets import split_target

log = logging.getLogger(__name__)


class ApiHandler:
    """Answers the requests below `/api/v1`."""

    def __init__(
        self,
        engine: Engine,
        auth: Authenticator,
        people: People,
        settings: Settings,
        streams: Streams,
        lost_runs: LostRuns,
    ) -> None:
        """Serve the repositories of `engine`, and `people`, to whom `auth` lets in."""
        self._engine = engine
        self._auth = auth
        self._people = people
        self._settings = settings
        self._streams = streams
        self._lost_runs = lost_runs
        self._observer = Observer(engine)
        self._router = Router((*ROUTES, *Site(ROUTES).routes))

    async def handle(
        self, request: web.BaseRequest, exchange: Exchange
    ) -> web.StreamResponse:
        """Return the answer to `request`; never raises but when the connection is gone."""
        exchange.protocol = "rest"
        response = await self._answer_whatever(request, exchange)
        if not response.prepared:  # else it is sent, with the headers of `send_located`
            response.headers.update(name_answer(exchange.request_id))
        return response

    async def _answer_whatever(
        self, request: web.BaseRequest, exchange: Exchange
    ) -> web.StreamResponse:
        try:
            return await self._answer(request, exchange)
        except LakeError as error:
            response = answer_problem(error)
            if response.status >= 500:
                exchange.failure = type(error).__name__
            if response.status >= 500 and response.status not in (501, 503):
                log.error(
                    "request failed",
                    extra={"path": _loggable(request), "error": str(error)},
                    exc_info=response.status == 500,
                )
            return response
        except ConnectionError:
            raise  # the client is gone: there is nobody to answer
        except Exception:
            exchange.failure = "defect"
            log.exception("request met a defect", extra={"path": _loggable(request)})
            return answer_internal_error()

    async def _answer(
        self, request: web.BaseRequest, exchange: Exchange
    ) -> web.StreamResponse:
        exchange.check()
        path, query = split_target(request.raw_path)
        try:
            compiled, names = self._router.match(request.method, path)
        except MethodNotAllowedError as error:
            if request.method != "OPTIONS":
                raise
            # Without a header that would let a page of another site go on.
            return WholeAnswer(HTTPStatus.NO_CONTENT, show_allowed(error))
        route = compiled.route
        exchange.operation = route.name
        principal = await self._admit(request, compiled, names, query)
        user = None if principal is ANONYMOUS else principal.name
        exchange.identify(user, is_run=principal.run is not None)
        body = await self._read_body(request, compiled)
        once = None
        if route.is_idempotent and (key := read_idempotency_key(request.headers)):
            once = Once(principal.scope, key, _digest(request, body))
        call = Call(
            self._engine,
            self._auth,
            self._people,
            self._settings,
            self._streams,
            principal,
            request,
            names,
            compiled.query.read(query),
            body,
            self._lost_runs,
            self._observer,
            once,
        )
        compiled.admission.ask_again(call)
        if principal.run is not None:
            call = await compiled.admission.see(call, principal.run)
        try:
            return await route.handler(call)
        except InvalidValueError as error:
            name_field(error, call)
            raise

    async def _admit(
        self,
        request: web.BaseRequest,
        compiled: Compiled,
        names: dict[str, str],
        query: str,
    ) -> Principal:
        route = compiled.route
        if request.method not in SAFE_METHODS:
            refuse_cross_site(request)
        if isinstance(route.requirement, Anyone):
            return ANONYMOUS
        # pyright does not see through the kind of property that aiohttp uses.
        if is_presigned(compiled.route, query):
            principal = await self._auth.verify_address(
                *read_address(compiled.query.read(query), names)
            )
        else:
            principal = await self._auth.authenticate(request)  # pyright: ignore[reportArgumentType]
            if request.method not in SAFE_METHODS:
                refuse_foreign_cookie(request)
        compiled.admission.ask_first(principal, names)
        return principal

    async def _read_body(self, request: web.BaseRequest, compiled: Compiled) -> object:
        if compiled.is_streamed:
            return Streamed()
        if compiled.body is None:
            return NoBody()
        assert compiled.route.body_bytes_max is not None
        return await read_json(
            request,
            compiled.body,
            compiled.route.body_bytes_max,
            Patience.of(self._settings, request),
        )


def _digest(request: web.BaseRequest, body: object) -> bytes:
    """Return a hash of what `request` asks for."""
    asked = msgspec.json.encode([request.method, request.raw_path, body])
    return hashlib.sha256(asked).digest()


def _loggable(request: web.BaseRequest) -> str:
    # Without the query: it may hold a signature.
    return request.raw_path.partition("?")[0][:500]

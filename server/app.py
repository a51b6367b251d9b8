"""One worker: the database, the bytes, who may, and the protocols, joined together.

The only place that knows all parts. A worker keeps nothing that a restart would miss.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Collection
from http import HTTPStatus
from importlib.metadata import version
from pathlib import Path

from aiohttp import hdrs, web

from .api.answers import name_answer
from .api.document.site import DOCUMENT, PAGE
from .api.handler import ApiHandler
from .api.problems import problem_response
from .auth.authenticate import Authenticator, DirectoryToken
from .auth.keyring import Keyring
from .auth.people import People
from .auth.secrets import open_master_key
from .errors import DurabilityLostError, HeadTooLargeError
from .figures import list_figures
from .httprules.streams import Streams
from .httprules.whole import WholeAnswer, send_earlier_answers
from .metadata.metadata import SqlMetadata
from .provenance.losing import LostRuns
from .repository.engine import Engine
from .s3.address import Addressing
from .s3.handler import S3Handler
from .s3.problems import error_response
from .serving.access_log import AccessLog
from .serving.draining import ProtocolFactory
from .serving.edge import Answer, Edge
from .serving.exchange import Exchange
from .serving.readiness import READY, WhyNotReady, always_ready, answer_ready
from .serving.snapshot import Snapshot
from .settings import Role, Settings
from .storage.local import LocalPackStorage

_SIGNED_QUERY = re.compile(r"[?&]X-Amz-(?:Algorithm|Credential|Signature)=")
_REST_PREFIXES = ("/api/", DOCUMENT)

_HINT = """lakebed {version}

Git for data. This port speaks

  REST  {base}/api/v1, with an access key as user name and password;
        read {base}/docs
{s3}
Try: lakebed --server {base} repo list
"""
_S3_HINT = """  S3    endpoint {base}, path style, signature version 4:
        s3://REPOSITORY/REF/PATH
"""


class Application:
    """The parts of one worker; `open` joins them."""

    def __init__(
        self,
        settings: Settings,
        metadata: SqlMetadata,
        storage: LocalPackStorage,
        auth: Authenticator,
        people: People,
        access_log: AccessLog | None,
        listening_since_ms: int,
        why_not_ready: WhyNotReady,
    ) -> None:
        """Use `open` instead."""
        self._why_not_ready = why_not_ready
        self._metadata = metadata
        self._storage = storage
        self._settings = settings
        self.auth = auth
        self.engine = Engine.create(metadata, storage)
        self._streams = Streams(
            settings.streams_max,
            settings.streams_waiting_max,
            grace_s=settings.grace_s,
        )
        self._s3 = S3Handler(self.engine, auth, settings, self._streams)
        self.lost_runs = LostRuns(self.engine, listening_since_ms)
        self._api = ApiHandler(
            self.engine, auth, people, settings, self._streams, self.lost_runs
        )
        self.edge = Edge(settings, access_log)

    @classmethod
    async def open(
        cls,
        directory: Path,
        settings: Settings,
        *,
        on_fatal: Callable[[DurabilityLostError], None],
        directory_token: DirectoryToken | None = None,
        access_log: AccessLog | None = None,
        why_not_ready: WhyNotReady = always_ready,
    ) -> Application:
        """Open the lake in `directory`, made if it is not there.

        Args:
            directory: where everything lies.
            settings: limits and names.
            on_fatal: called in a thread after a failed fsync; the process must exit.
            directory_token: lets its bearer in, beside whoever has a key.
            access_log: where requests are written; stays the caller's.
            why_not_ready: says whether the process accepts work.

        Raises:
            StartupError: the directory cannot be used; says why and what to do.
        """
        storage = LocalPackStorage(directory)
        metadata = SqlMetadata.open(directory, storage, on_fatal=on_fatal)
        try:
            is_new = await metadata.count_users() == 0
            master_key = open_master_key(directory, may_create=is_new)
            keyring = Keyring(metadata, master_key)
            auth = Authenticator(
                keyring,
                regions=(settings.region, "us-east-1"),
                skew_s_max=settings.clock_skew_s_max,
                clock=time.time,
                directory_token=directory_token,
            )
            people = People(metadata, master_key, metadata.clock)
            # In a directory that a command line opens nobody else could be heard.
            since_ms = 0 if directory_token is not None else metadata.clock()
            return cls(
                settings,
                metadata,
                storage,
                auth,
                people,
                access_log,
                since_ms,
                why_not_ready,
            )
        except BaseException:
            metadata.close()
            storage.close()
            raise

    async def close(self) -> None:
        """Finish what runs in the background, and close everything."""
        await self.engine.close()
        try:
            self._metadata.close()
        finally:
            self._storage.close()

    def listen(
        self, role: Role, *, foreign_ports: Collection[int] = ()
    ) -> ProtocolFactory:
        """Return what makes the protocol of each connection of a listener.

        `foreign_ports` are those of listeners that read buckets differently.
        """
        domains = sorted(self._settings.s3_domains, key=len, reverse=True)
        ports = frozenset(map(str, foreign_ports))
        addressing = Addressing(tuple(domains), role.flat_ref, ports)
        answer = self._choose(role, addressing)

        def answer_in_order(
            request: web.BaseRequest, exchange: Exchange
        ) -> Awaitable[web.StreamResponse]:
            send_earlier_answers(request)
            exchange.only_runs = role.only_runs
            if request.raw_path == READY and _asks_whether_ready(request, addressing):
                return self._answer_ready(request, exchange)
            return answer(request, exchange)

        return self.edge.listen(
            answer_in_order, _refuse_as_s3 if role.speaks_s3 else _refuse_as_rest
        )

    async def stop(self) -> None:
        """Let what runs finish. Accept nothing new before this."""
        await self.edge.server.stop(self._settings.stop_s_max)

    def read_figures(self) -> Snapshot:
        """Return what the parts of the worker have counted by now."""
        figures = list_figures(
            self._metadata.counters, self.engine, self._streams, self.edge
        )
        return Snapshot.of(self.edge.traffic, figures)

    async def _answer_ready(
        self, request: web.BaseRequest, exchange: Exchange
    ) -> web.StreamResponse:
        """Say whether the process accepts work, at the limits too."""
        exchange.operation = "Ready"
        said = answer_ready(self._why_not_ready())
        named = {**said.headers, **name_answer(exchange.request_id)}
        response = WholeAnswer(said.status, named, said.text.encode())
        if said.status != HTTPStatus.OK:
            exchange.failure = "NotReady"
            response.force_close()
        return response

    def _choose(self, role: Role, addressing: Addressing) -> Answer:
        """Return what answers in the protocol that a request speaks.

        What is signed as AWS does, or goes to the host of a bucket, is S3, whatever its
        path; of the rest, REST has its own paths, and S3 refuses what is left.
        """
        s3, api = self._s3, self._api

        def answer_s3(
            request: web.BaseRequest, exchange: Exchange
        ) -> Awaitable[web.StreamResponse]:
            return s3.handle(request, exchange, addressing)

        def answer_rest(
            request: web.BaseRequest, exchange: Exchange
        ) -> Awaitable[web.StreamResponse]:
            if request.raw_path == "/" and request.method in ("GET", "HEAD"):
                return _answer_hint(request, exchange, speaks_s3=role.speaks_s3)
            return api.handle(request, exchange)

        def answer_either(
            request: web.BaseRequest, exchange: Exchange
        ) -> Awaitable[web.StreamResponse]:
            if _is_for_s3(request, addressing):
                return s3.handle(request, exchange, addressing)
            target = request.raw_path
            is_read = request.method in ("GET", "HEAD")
            is_rest = target.startswith(_REST_PREFIXES)
            # There may be a repository of that name. S3 would answer nothing but
            # signed requests, and unsigned forms, which are no reads. With a query,
            # which the page has none of, it may be signed in a way that S3 refuses.
            is_page = is_read and target == PAGE
            if (is_rest or is_page) and not _SIGNED_QUERY.search(target):
                return api.handle(request, exchange)
            if target == "/" and is_read:
                return _answer_hint(request, exchange, speaks_s3=True)
            return s3.handle(request, exchange, addressing)

        if not role.speaks_rest:
            return answer_s3
        return answer_either if role.speaks_s3 else answer_rest


def _asks_whether_ready(request: web.BaseRequest, addressing: Addressing) -> bool:
    """Tell whether a request to `READY` is meant for the server and for no bucket.

    As with the page of documents: S3 answers no read there that is not signed.
    """
    return request.method in ("GET", "HEAD") and not _is_for_s3(request, addressing)


def _is_for_s3(request: web.BaseRequest, addressing: Addressing) -> bool:
    """Tell whether a request is S3 whatever its path: by its signature, or by its host."""
    headers = request.headers
    authorization = headers.get(hdrs.AUTHORIZATION)
    if authorization is not None and authorization.startswith("AWS"):
        return True
    return addressing.find_bucket_of_host(headers.get(hdrs.HOST, "")) is not None


async def _answer_hint(
    request: web.BaseRequest, exchange: Exchange, *, speaks_s3: bool
) -> web.StreamResponse:
    """Tell a person who came with a browser what this is."""
    exchange.operation = "Hint"
    host = request.headers.get(hdrs.HOST, "")
    if not re.fullmatch(r"[A-Za-z0-9.\-:\[\]]{1,255}", host, re.ASCII):
        host = "127.0.0.1:8000"
    base = f"{request.scheme}://{host}"
    text = _HINT.format(
        version=version("lakebed"),
        base=base,
        s3=_S3_HINT.format(base=base) if speaks_s3 else "",
    )
    return WholeAnswer(
        200,
        {
            "Content-Type": "text/plain; charset=utf-8",
            "X-Content-Type-Options": "nosniff",
            **name_answer(exchange.request_id),
        },
        text.encode(),
    )


_MALFORMED = "an error occurred when parsing the HTTP request"
_LINE_TOO_LONG = "the request line, or a header, is longer than the server takes"


def _refuse_as_s3(exchange: Exchange, is_too_long: bool) -> web.StreamResponse:
    return error_response(
        400,
        "RequestHeaderSectionTooLarge" if is_too_long else "BadRequest",
        _LINE_TOO_LONG if is_too_long else _MALFORMED,
        {},
        {},
        resource="",
        request_id=exchange.request_id,
        has_body=True,
    )


def _refuse_as_rest(exchange: Exchange, is_too_long: bool) -> web.StreamResponse:
    return problem_response(
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if is_too_long
        else HTTPStatus.BAD_REQUEST,
        _LINE_TOO_LONG if is_too_long else _MALFORMED,
        HeadTooLargeError.code if is_too_long else "malformed",
        headers=name_answer(exchange.request_id),
    )

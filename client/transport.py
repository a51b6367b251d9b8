"""Send requests and read answers: one connection pool, retries, errors.

Everything above names operations; everything about HTTP is here. A `Call` can be sent
more than once, so its body is made anew for each try.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlencode

import aiohttp
from yarl import URL

from .address import AccessKey, ServerDirectory, ServerUrl
from .directory import OpenedDirectory, open_directory
from .errors import (
    ClientError,
    ForeignServerError,
    NotFoundError,
    ServerBusyError,
    ServerUnreachableError,
    error_of,
)
from .retrying import RetryPolicy
from .wire import Body, WireError, decode, decode_problem, encode

T = TypeVar("T")

PROBLEM_BYTES_MAX = 4 * 1024 * 1024
"""Room for a thousand conflicts on paths of a kilobyte; more is not an error of ours."""

CONNECT_TIMEOUT_S = 10.0
"""A host that takes longer to accept a connection is as good as gone."""

Query = tuple[tuple[str, str], ...]
Consume = Callable[[aiohttp.ClientResponse], Awaitable[T]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as often as it has to be sent."""

    what: str
    """For errors: an infinitive such as "list branches of 'penguins'"."""
    method: str
    path: str
    query: Query = ()
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    body: Body | Sequence[Body] | None = None
    stream: Callable[[], AsyncIterable[bytes] | bytes] | None = None
    """Makes the raw body, in place of `body`."""
    repeatable: bool = False
    """Whether sending it twice does no more than sending it once."""


class Transport:
    """Connections to one server."""

    def __init__(
        self,
        server: ServerUrl | ServerDirectory,
        *,
        key: AccessKey | None,
        timeout_s: float,
        connections_max: int,
        retries: RetryPolicy,
    ) -> None:
        self.server = server
        self._key = key
        self._timeout_s = timeout_s
        self._connections_max = connections_max
        self._retries = retries
        self._stack = AsyncExitStack()
        self._session: aiohttp.ClientSession | None = None
        self._base_url = ""
        self._opened: OpenedDirectory | None = None

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            headers: dict[str, str] = {"Accept-Encoding": "identity"}
            if self._key is not None:
                pair = f"{self._key.id}:{self._key.secret}".encode()
                headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
            if isinstance(self.server, ServerUrl):
                self._base_url = self.server.url
                has_tls = self._base_url.startswith("https:")
                connector: aiohttp.BaseConnector = aiohttp.TCPConnector(
                    limit=self._connections_max,
                    ssl=ssl.create_default_context() if has_tls else True,
                )
            else:
                opened = await stack.enter_async_context(
                    open_directory(self.server.path, create=self.server.may_create)
                )
                self._opened = opened
                # The host says nothing here, but HTTP wants one.
                self._base_url = "http://localhost"
                headers.update(opened.headers)
                connector = aiohttp.UnixConnector(
                    path=str(opened.socket_path), limit=self._connections_max
                )
            self._session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=connector,
                    headers=headers,
                    # Objects are handed on as they are stored, compressed or not.
                    auto_decompress=False,
                    middlewares=(_report_lost_answer,),
                    timeout=aiohttp.ClientTimeout(
                        total=None,
                        connect=CONNECT_TIMEOUT_S,
                        sock_read=self._timeout_s,
                    ),
                )
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; again is nothing."""
        self._session = self._opened = None
        await self._stack.aclose()

    async def get_url(self) -> str:
        """Return the URL at which other processes reach the server.

        A directory listens from now on, for who has the key of a run.

        Raises:
            ServerUnreachableError: it cannot listen.
        """
        if self._opened is None:
            return self._base_url
        try:
            return await self._opened.open_port()
        except OSError as error:
            raise self.explain(f"listen for '{self.server}'", error) from error

    async def fetch(self, call: Call, shape: type[T]) -> T:
        """Send `call` and return the `shape` that it is answered with."""

        async def read(response: aiohttp.ClientResponse) -> T:
            try:
                return decode(await response.read(), shape)
            except WireError as error:
                raise ForeignServerError(
                    f"cannot {call.what}: '{self.server}' does not answer like a "
                    f"lakebed server: {error}",
                    status=response.status,
                ) from error

        return await self._send(call, read)

    async def fetch_text(self, call: Call) -> str:
        """Send `call` and return the text that it is answered with."""

        async def read(response: aiohttp.ClientResponse) -> str:
            return (await response.read()).decode(errors="replace").strip()

        return await self._send(call, read)

    async def run(self, call: Call) -> None:
        """Send `call`; its answer says nothing but that it is done."""

        async def read(response: aiohttp.ClientResponse) -> None:
            await response.read()

        await self._send(call, read)

    async def delete(self, call: Call) -> None:
        """Send `call`, which deletes something by name.

        If an answer was lost and the thing is gone at the next try, it was a yes.
        """
        try:
            await self.run(call)
        except NotFoundError as error:
            if not error.answer_lost:
                raise

    async def start(self, call: Call) -> aiohttp.ClientResponse:
        """Send `call` and return its answer, the body still to be read.

        The caller closes it, and turns what fails in reading it into `explain`.
        """

        async def keep(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
            return response

        return await self._send(call, keep, keep_open=True)

    def explain(self, what: str, error: Exception) -> ServerUnreachableError:
        """Return the error that tells a person about a failed connection."""
        return ServerUnreachableError(
            f"cannot {what}: cannot reach '{self.server}': {self._reason(error)}"
        )

    async def _send(
        self, call: Call, consume: Consume[T], *, keep_open: bool = False
    ) -> T:
        answer_lost = False
        attempt = 0
        while True:
            attempt += 1
            failure: ClientError
            try:
                return await self._send_once(call, consume, keep_open=keep_open)
            except ClientError as error:
                error.answer_lost = answer_lost
                if not _did_nothing(call, error):
                    raise
                failure = error
            except _SourceFailedError as error:
                raise error.cause from None
            except aiohttp.ClientConnectorError as error:
                failure = self.explain(call.what, error)
                failure.answer_lost = answer_lost
                if isinstance(error, aiohttp.ClientSSLError):
                    raise failure from error
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                answer_lost = True
                failure = self.explain(call.what, error)
                failure.answer_lost = True
                if not call.repeatable:
                    raise failure from error
            if attempt >= self._retries.attempts_max:
                raise failure
            await self._retries.wait(attempt, asked_s=failure.retry_after_s)

    async def _send_once(
        self, call: Call, consume: Consume[T], *, keep_open: bool
    ) -> T:
        if self._session is None:
            raise RuntimeError("the client is not open: use it in a `with` statement")
        headers = dict(call.headers)
        data: Any = None
        source: _Source | None = None
        if call.stream is not None:
            data = call.stream()
            if not isinstance(data, bytes):
                data = source = _Source(data)
        elif call.body is not None:
            data = encode(call.body)
            headers["Content-Type"] = "application/json"
        query = urlencode(call.query, quote_via=quote, safe="/")
        url = f"{self._base_url}{call.path}" + (f"?{query}" if query else "")
        try:
            response = await self._session.request(
                call.method,
                URL(url, encoded=True),
                data=data,
                headers=headers,
                allow_redirects=False,
            )
        except aiohttp.ClientError:
            if source is not None and source.error is not None:
                raise _SourceFailedError(source.error) from None
            raise
        kept = False
        try:
            if not 200 <= response.status < 300:
                raise await self._read_error(call, response)
            result = await consume(response)
            kept = keep_open
            return result
        finally:
            if not kept:
                response.release()

    async def _read_error(
        self, call: Call, response: aiohttp.ClientResponse
    ) -> ClientError:
        data = await response.content.read(PROBLEM_BYTES_MAX)
        while len(data) < PROBLEM_BYTES_MAX and (
            more := await response.content.read(PROBLEM_BYTES_MAX - len(data))
        ):
            data += more
        error = error_of(response.status, decode_problem(data), what=call.what)
        with suppress(ValueError):
            error.retry_after_s = float(response.headers.get("Retry-After", "0"))
        return error

    def _reason(self, error: BaseException) -> str:
        match error:
            case _AnswerLostError():
                cause = error.__cause__
                return self._reason(cause) if cause is not None else str(error)
            case aiohttp.ClientConnectorCertificateError():
                return f"its certificate is not accepted: {error.certificate_error}"
            case aiohttp.ClientConnectorError() if isinstance(
                error.os_error, ssl.SSLError
            ):
                return "it does not speak TLS as we do: is its address http://?"
            case aiohttp.ClientConnectorError():
                inner = error.os_error
                # asyncio puts the address where the system's words should be.
                words = os.strerror(inner.errno) if inner.errno else str(inner)
                return words.lower()
            case aiohttp.ConnectionTimeoutError():
                return f"no connection within {CONNECT_TIMEOUT_S:g} s"
            case TimeoutError():
                return f"no answer for {self._timeout_s:g} s"
            case aiohttp.ServerDisconnectedError():
                return "it closed the connection without an answer"
            case aiohttp.InvalidURL():
                return "the URL is not valid"
            case aiohttp.ClientResponseError():
                # Below the first line the parser shows the bytes that it stumbled over.
                first = error.message.strip().partition("\n")[0].rstrip(":. ")
                return f"what it answers is not HTTP: {first[:1].lower()}{first[1:]}"
            case _:
                words = str(error).strip() or type(error).__name__
                return words.partition("\n")[0]


class _AnswerLostError(aiohttp.ClientConnectionError):
    """A connection ended after the request was, perhaps, received."""


async def _report_lost_answer(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep the HTTP library from sending a request again behind our back.

    It does that on its own for methods that it takes for idempotent, and then nobody
    knows any more that an answer was lost.
    """
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _AnswerLostError(str(error)) from error


class _SourceFailedError(Exception):
    """Not the network failed but what the caller gave us to send."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Source:
    """What a caller gives to send, and how it failed if it did.

    The HTTP library reports a failing body as a failing connection.
    """

    def __init__(self, inner: AsyncIterable[bytes]) -> None:
        self._inner = inner
        self.error: Exception | None = None

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        try:
            async for chunk in self._inner:
                yield chunk
        except Exception as error:
            self.error = error
            raise


def _did_nothing(call: Call, error: ClientError) -> bool:
    """Tell whether `call`, refused with `error`, may be sent again.

    Our own server says so with a code. Something in between (502, 503, 504 without one)
    cannot know how far the request came.
    """
    if isinstance(error, ServerBusyError) and error.code:
        return True
    return call.repeatable and not error.code and error.status in (429, 502, 503, 504)

"""A read that breaks off goes on where it stopped, on the same version or not at all."""

from __future__ import annotations

import pytest
from aiohttp import web
from lakebed.client import (
    AsyncClient,
    PreconditionFailedError,
    RetryPolicy,
    ServerError,
    ServerUnreachableError,
)
from lakebed.client.operations.reading import RESUMES_MAX, ByteRange
from lakebed.client.wire import encode_problem

from support.scripted import Reply, ScriptedServer, serve_script

BODY = bytes(range(256)) * 4


async def no_wait(delay_s: float) -> None:
    del delay_s


def client_of(script: ScriptedServer) -> AsyncClient:
    retries = RetryPolicy(attempts_max=2, sleep=no_wait)
    return AsyncClient(script.url, retries=retries)


def breaking_off(sent: bytes, *, promised: int, status: int = 200) -> Reply:
    """Answer with `promised` bytes, and break off after `sent`."""

    async def reply(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(
            status=status, headers={"ETag": '"v1"', "Content-Length": str(promised)}
        )
        await response.prepare(request)
        await response.write(sent)
        assert request.transport is not None
        request.transport.close()
        return response

    return reply


def rest(data: bytes, status: int = 206) -> Reply:
    return web.Response(status=status, body=data, headers={"ETag": '"v1"'})


async def test_a_broken_read_goes_on_where_it_stopped() -> None:
    replies = [breaking_off(BODY[:100], promised=len(BODY)), rest(BODY[100:])]
    async with serve_script(*replies) as script, client_of(script) as lake:
        assert await lake.read_object("r", "main", "p") == BODY

        again = script.asked[1].headers
        assert again["Range"] == "bytes=100-"
        assert again["If-Match"] == '"v1"'


async def test_a_broken_range_goes_on_within_its_range() -> None:
    replies = [
        breaking_off(BODY[10:20], promised=90, status=206),
        rest(BODY[20:100]),
    ]
    async with serve_script(*replies) as script, client_of(script) as lake:
        data = await lake.read_object("r", "main", "p", start=10, end=100)

        assert data == BODY[10:100]
        assert script.asked[1].headers["Range"] == "bytes=20-99"


async def test_an_object_that_changed_meanwhile_is_an_error() -> None:
    changed = web.Response(
        status=412, body=encode_problem("it changed", "precondition-failed")
    )
    replies = [breaking_off(BODY[:100], promised=len(BODY)), changed]
    async with serve_script(*replies) as script, client_of(script) as lake:
        with pytest.raises(PreconditionFailedError, match="it changed"):
            await lake.read_object("r", "main", "p")


async def test_a_server_that_ignores_the_range_is_an_error() -> None:
    """Its answer begins anew: taken as the rest it would double the beginning."""
    replies = [breaking_off(BODY[:100], promised=len(BODY)), rest(BODY, status=200)]
    async with serve_script(*replies) as script, client_of(script) as lake:
        with pytest.raises(ServerError, match="ignored the range"):
            await lake.read_object("r", "main", "p")


async def test_a_read_that_always_breaks_ends() -> None:
    pieces = [
        breaking_off(
            BODY[at : at + 1], promised=len(BODY) - at, status=206 if at else 200
        )
        for at in range(RESUMES_MAX + 1)
    ]
    async with serve_script(*pieces) as script, client_of(script) as lake:
        with pytest.raises(ServerUnreachableError, match="read 'p' in 'r/main'"):
            await lake.read_object("r", "main", "p")

        assert len(script.asked) == RESUMES_MAX + 1


@pytest.mark.parametrize(("start", "end"), [(-1, None), (5, 5), (5, 4)])
def test_an_empty_range_is_refused(start: int, end: int | None) -> None:
    with pytest.raises(ValueError, match="range must be"):
        ByteRange(start, end)

"""Clients are let go so that none finds its connection closed just when it asks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from aiohttp import web
from lakebed.server.serving.connection import Connection
from lakebed.server.serving.draining import DrainingServer

ASKED = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LONG_S = 30.0


class Server:
    """A server on a free port, and what its handler waits for."""

    def __init__(self) -> None:
        self.draining = DrainingServer(
            lambda request, response: None,
            connections_max=100,
            head_s_max=20,
            access_log=None,
        )
        self.may_end = asyncio.Event()
        self.streaming = asyncio.Event()
        self.address = ("", 0)
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        protocol = self.draining.listen(
            self._answer, lambda exchange, too_long: web.Response()
        )
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(protocol, "127.0.0.1", 0)
        self.address = self._listener.sockets[0].getsockname()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.path != "/stream":
            return web.Response(status=204)
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        self.streaming.set()
        await self.may_end.wait()
        await response.write(b"ended")
        await response.write_eof()
        return response

    def refuse(self) -> None:
        assert self._listener is not None
        self._listener.close()


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    running = Server()
    await running.start()
    yield running
    running.refuse()
    await running.draining.stop(0)


Connect = Callable[[], Awaitable[socket.socket]]


@pytest.fixture
async def connect(server: Server) -> AsyncGenerator[Connect]:
    """Return what opens connections that have been answered once, and are idle."""
    opened: list[socket.socket] = []
    loop = asyncio.get_running_loop()

    async def connect_one() -> socket.socket:
        connection = socket.socket()
        opened.append(connection)
        connection.setblocking(False)
        await loop.sock_connect(connection, server.address)
        assert b"Connection: close" not in await ask(connection)
        return connection

    yield connect_one
    for connection in opened:
        connection.close()


async def receive(connection: socket.socket) -> bytes:
    async with asyncio.timeout(LONG_S):
        return await asyncio.get_running_loop().sock_recv(connection, 10_000)


async def ask(connection: socket.socket) -> bytes:
    await asyncio.get_running_loop().sock_sendall(connection, ASKED)
    answer = await receive(connection)
    assert answer.startswith(b"HTTP/1.1 204 "), answer
    return answer


async def test_who_is_idle_is_told_with_the_next_answer(
    server: Server, connect: Connect
) -> None:
    clients = [await connect() for _ in range(3)]

    parting = asyncio.ensure_future(server.draining.part(LONG_S))
    await asyncio.sleep(0)
    for client in clients:
        assert not parting.done()
        assert b"Connection: close" in await ask(client)
        assert await receive(client) == b""

    async with asyncio.timeout(LONG_S):
        await parting


async def test_an_answer_that_has_begun_promises_another_one(
    server: Server, connect: Connect
) -> None:
    """Its head said nothing of an end: who believes it must not find a closed door."""
    client = await connect()
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    await server.streaming.wait()
    parting = asyncio.ensure_future(server.draining.part(LONG_S))
    await asyncio.sleep(0)

    server.may_end.set()
    text = b""
    while not text.endswith(b"0\r\n\r\n"):
        text += await receive(client)

    assert b"Connection: close" not in text
    assert b"Connection: close" in await ask(client)
    await parting


async def test_parting_ends_in_time_and_earlier_if_told(
    server: Server, connect: Connect
) -> None:
    client = await connect()

    await server.draining.part(0.01)
    server.draining.end_parting()
    async with asyncio.timeout(LONG_S):
        await server.draining.part(10 * LONG_S)
    await server.draining.stop(LONG_S)

    assert await receive(client) == b""


async def stop_when_a_request_has_just_come(server: Server, connect: Connect) -> bytes:
    """Return what a client gets whose request has reached this machine, and no more."""
    client = await connect()
    assert client.send(ASKED) == len(ASKED)
    await server.draining.stop(LONG_S)
    return await receive(client)


async def test_a_request_that_has_come_is_answered_before_a_stop(
    server: Server, connect: Connect
) -> None:
    answer = await stop_when_a_request_has_just_come(server, connect)

    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"Connection: close" in answer


async def test_without_a_look_at_what_has_come_it_is_dropped(
    server: Server, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above."""
    monkeypatch.setattr(Connection, "has_bytes_waiting", False)

    try:
        answer = await stop_when_a_request_has_just_come(server, connect)
    except ConnectionError:
        answer = b""

    assert answer == b""


async def test_the_first_request_of_a_connection_is_waited_for(server: Server) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, server.address)
        stopping = asyncio.ensure_future(server.draining.stop(LONG_S))
        for _ in range(10):
            await asyncio.sleep(0)

        assert b"Connection: close" in await ask(client)

        async with asyncio.timeout(LONG_S):
            await stopping


async def test_who_connects_and_asks_nothing_holds_up_no_stop(server: Server) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, server.address)
        async with asyncio.timeout(LONG_S):
            await server.draining.stop(10 * LONG_S)

        assert await receive(client) == b""


async def test_a_head_that_does_not_come_to_its_end_holds_up_no_stop(
    server: Server, connect: Connect
) -> None:
    client = await connect()
    assert client.send(ASKED[:10]) == 10

    async with asyncio.timeout(LONG_S):
        await server.draining.stop(10 * LONG_S)

    with pytest.raises((AssertionError, ConnectionError)):
        await ask(client)


async def test_a_request_may_run_on_until_it_is_cut_off(
    server: Server, connect: Connect
) -> None:
    client = await connect()
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(client, b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
    await server.streaming.wait()
    stopping = asyncio.ensure_future(server.draining.stop(10 * LONG_S))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not stopping.done()

    server.draining.cut_off()

    async with asyncio.timeout(LONG_S):
        await stopping

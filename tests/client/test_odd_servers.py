"""Whatever answers, or does not: one line that names the thing, and an end to waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from lakebed.client import AsyncLake, ClientError, RetryPolicy, connect_async
from lakebed.client.operations.resuming import PIECE_BYTES
from lakebed.client.wire import routes

from support.scripted import serve_script

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"

ANSWERS: dict[str, bytes | None] = {
    "closes": b"",
    "silent": None,
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "half a body": HEAD + b'{"id": "ma',
    "a page": b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html></html>",
    "a page for an error": (
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 13\r\n\r\n<html></html>"
    ),
    "a redirect": (
        b"HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n"
    ),
    "other JSON": b'HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{"a": "b\\""}'[:-1],
    "no HTTP": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a length that is none": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
}


async def no_wait(delay_s: float) -> None:
    del delay_s


@asynccontextmanager
async def serve_bytes(answer: bytes | None) -> AsyncGenerator[str]:
    """Answer each request with `answer` and close; None says nothing at all."""
    silent: list[asyncio.StreamWriter] = []

    async def handle(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
            return
        if answer is None:
            silent.append(writer)
            return
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        for writer in silent:
            writer.close()
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def lake_at(url: str) -> AsyncGenerator[AsyncLake]:
    retries = RetryPolicy(attempts_max=2, sleep=no_wait)
    async with connect_async(
        url,
        access_key_id="A",
        secret_access_key="S3CRET",
        timeout_s=0.2,
        retries=retries,
    ) as lake:
        yield lake


async def begin(lake: AsyncLake) -> None:
    async with lake.repository("penguins").branch("main").transaction("m"):
        raise AssertionError("it began")


async def open_file(lake: AsyncLake) -> None:
    async with lake.repository("penguins").branch("main").open("p", "rb"):
        raise AssertionError("it opened")


QUESTIONS: dict[str, Callable[[AsyncLake], Awaitable[object]]] = {
    "a repository": lambda lake: lake.repository("penguins").describe(),
    "branches": lambda lake: lake.repository("penguins").branches().collect(),
    "a head": lambda lake: lake.repository("penguins").branch("main").head(),
    "a commit": lambda lake: lake.repository("penguins").branch("main").commit("m"),
    "an upload": lambda lake: (
        lake.repository("penguins").branch("main").upload("p", b"x" * 100_000)
    ),
    "a branch": lambda lake: lake.repository("penguins").create_branch("penguins"),
    "a transaction": begin,
    "a file": open_file,
}


@pytest.mark.parametrize("answer", list(ANSWERS))
@pytest.mark.parametrize("question", list(QUESTIONS))
async def test_an_odd_answer_is_one_line_that_names_the_thing(
    answer: str, question: str
) -> None:
    async with serve_bytes(ANSWERS[answer]) as url, lake_at(url) as lake:
        with pytest.raises(ClientError) as raised:
            await asyncio.wait_for(QUESTIONS[question](lake), timeout=20)

    message = str(raised.value)
    assert "penguins" in message
    assert "\n" not in message
    assert "S3CRET" not in message
    assert "<html>" not in message
    assert len(message) < 400


async def test_nobody_at_home() -> None:
    async with lake_at("http://127.0.0.1:1") as lake:
        with pytest.raises(ClientError, match=r"'http://127.0.0.1:1': connection refu"):
            await lake.repository("penguins").describe()


def ranged(data: bytes, *, cut: int = 0, status: int = 206) -> web.Response:
    return web.Response(
        status=status, body=data[: len(data) - cut], headers={"ETag": '"v1"'}
    )


@pytest.mark.parametrize(
    ("cut", "more", "status", "message"),
    [
        (1, b"", 206, "bytes came where"),
        (0, b"x", 206, "bytes came where"),
        (0, b"", 200, "ignored the range"),
    ],
)
async def test_a_range_of_another_length_is_no_download(
    tmp_path: Path, cut: int, more: bytes, status: int, message: str
) -> None:
    size = PIECE_BYTES + 10

    async def first(request: web.BaseRequest) -> web.StreamResponse:
        del request
        return web.Response(body=b"x" * size, headers={"ETag": '"v1"'})

    replies = [
        ranged(data + more, cut=cut, status=status)
        for data in (b"x" * PIECE_BYTES, b"y" * 10)
    ]
    async with serve_script(first, *replies) as script, lake_at(script.url) as lake:
        with pytest.raises(ClientError, match=message):
            await lake.client.download_object(
                "penguins", "main", "p", tmp_path / "p", parallel=2
            )

        assert script.asked[0].target == (
            routes.fill(routes.REF_OBJECTS, repository="penguins", ref="main")
            + "?path=p"
        )
    assert not (tmp_path / "p").exists()

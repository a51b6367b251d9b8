"""Answers that leave together, in the order in which they were given."""

from __future__ import annotations

import asyncio
from typing import Any
from unittest import mock

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from lakebed.server.httprules.whole import WholeAnswer, send_earlier_answers
from lakebed.server.serving.outbox import Outbox


class Wire:
    """A connection that notes what is written to it."""

    def __init__(self, outbox: Outbox) -> None:
        self.protocol: Any = mock.Mock(outbox=outbox)
        self.written = b""
        self.is_closed = False
        self.transport: Any = mock.Mock()
        self.transport.is_closing = lambda: self.is_closed
        self.transport.write = self._write

    def _write(self, data: bytes) -> None:
        assert not self.is_closed
        self.written += data

    def request(self, *, has_rest: bool = False) -> web.BaseRequest:
        payload: Any = mock.Mock()
        payload.is_eof = lambda: not has_rest
        writer: Any = mock.Mock(output_size=0)
        return make_mocked_request(
            "GET",
            "/",
            transport=self.transport,
            protocol=self.protocol,
            payload=payload,
            writer=writer,
        )

    async def answer(
        self, body: bytes, *, closes: bool = False, has_rest: bool = False
    ) -> None:
        answer = WholeAnswer(200, {}, body)
        if closes:
            answer.force_close()
        await answer.prepare(self.request(has_rest=has_rest))
        await answer.write_eof()


def test_the_answer_that_closes_comes_after_those_of_the_same_turn() -> None:
    # From Python 3.12 on, requests that came together are answered in one turn.
    async def run() -> Wire:
        wire = Wire(Outbox(asyncio.get_running_loop()))
        await wire.answer(b"<one>")
        await wire.answer(b"<two>")
        await wire.answer(b"<three>", closes=True)
        wire.is_closed = True
        return wire

    written = asyncio.run(run()).written

    assert written.count(b"HTTP/1.1 200 OK\r\n") == 3
    assert written.index(b"<one>") < written.index(b"<two>") < written.index(b"<three>")


def test_what_is_streamed_comes_after_the_answers_of_the_same_turn() -> None:
    async def run() -> tuple[Wire, Wire]:
        outbox = Outbox(asyncio.get_running_loop())
        wire, other = Wire(outbox), Wire(outbox)
        await wire.answer(b"<one>")
        send_earlier_answers(other.request())
        assert wire.written == b""
        send_earlier_answers(wire.request())
        wire.transport.write(b"<streamed>")
        return wire, other

    wire, other = asyncio.run(run())

    assert wire.written.endswith(b"<one><streamed>")
    assert other.written == b""


def test_an_answer_before_the_end_of_a_body_does_not_wait() -> None:
    # The connection may be closed for the rest of the body in the same turn.
    async def run() -> Wire:
        wire = Wire(Outbox(asyncio.get_running_loop()))
        await wire.answer(b"<refused>", has_rest=True)
        wire.is_closed = True
        return wire

    assert asyncio.run(run()).written.endswith(b"<refused>")

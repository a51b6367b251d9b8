"""Messages arrive as they were sent; what is none ends the conversation, and no more."""

from __future__ import annotations

import asyncio
import socket
import struct

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.serving.snapshot import FigureValue, Snapshot
from lakebed.server.serving.traffic import Row
from lakebed.server.supervising.messages import (
    MESSAGE_BYTES_MAX,
    AcceptFor,
    AskFigures,
    Channel,
    Figures,
    News,
    Order,
    Part,
    ReadAgain,
    Ready,
)
from msgspec.msgpack import Decoder

ORDERS: Decoder[Order] = Decoder(Order)
NEWS: Decoder[News] = Decoder(News)


async def read_all(data: bytes) -> list[Order]:
    """Return the orders that `data` holds."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    channel = await Channel[Order].open(ORDERS, ours)
    with theirs:
        theirs.sendall(data)
    found = [order async for order in channel.messages()]
    await channel.close()
    return found


async def test_orders_arrive_in_order() -> None:
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    sender = await Channel[News].open(NEWS, ours)
    receiver = await Channel[Order].open(ORDERS, theirs)
    orders: list[Order] = [
        AskFigures(7),
        AcceptFor((1, 2)),
        AcceptFor(()),
        ReadAgain(),
        Part(),
    ]

    for order in orders:
        sender.send(order)
    await sender.close()

    assert [order async for order in receiver.messages()] == orders
    sender.send(Part())  # to nobody: no error
    await receiver.close()


def test_figures_keep_what_they_are() -> None:
    figures = Figures(
        3,
        Snapshot(
            {("s3", "GetObject"): Row(seconds=1.5, sent_bytes=2**60)},
            {("rest", "BusyError"): 4},
            [FigureValue("x", "help", 1.0, labels=(("worker", "0"),))],
        ),
        cpu_s=1.25,
        memory_bytes=10,
    )

    assert NEWS.decode(msgspec.msgpack.encode(figures)) == figures


@given(noise=st.binary(max_size=200))
def test_noise_ends_the_conversation(noise: bytes) -> None:
    begun = msgspec.msgpack.encode(Ready())  # news are no orders
    for data in (noise, struct.pack(">I", len(begun)) + begun + noise):
        assert len(asyncio.run(read_all(data))) <= len(data)


@pytest.mark.parametrize("size", [MESSAGE_BYTES_MAX + 1, 2**32 - 1])
async def test_a_message_is_bounded(size: int) -> None:
    assert await read_all(struct.pack(">I", size) + b"x") == []

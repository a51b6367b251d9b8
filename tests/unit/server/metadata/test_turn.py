"""Reads of one turn share a transaction, and none of them misses what its task knows of."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
import uvloop
from lakebed.server.errors import StorageFailedError
from lakebed.server.metadata.turn import TurnSession

from support.databases import lake_directory

TELLINGS = 1000
READERS = 4
READ = "SELECT value FROM number"
NEWER = "UPDATE number SET value = value + 1 RETURNING value"
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [
    uvloop.new_event_loop,
    asyncio.new_event_loop,
]


class Writer:
    """Another process, as far as the session can see."""

    def __init__(self, path: Path) -> None:
        # The stub of the library names types that Python 3.11 has not.
        self.connection: Any = apsw.Connection(str(path))
        self.close = self.connection.close

    def run(self, statement: str) -> list[tuple[Any, ...]]:
        rows: list[tuple[Any, ...]] = self.connection.execute(statement).fetchall()
        return rows

    def count_up(self) -> int:
        return int(self.run(NEWER)[0][0])


@pytest.fixture
def database() -> Iterator[Path]:
    with lake_directory() as folder:
        path = folder / "numbers.db"
        with closing(Writer(path)) as writer:
            writer.run("PRAGMA journal_mode = WAL")
            writer.run("CREATE TABLE number (value)")
            writer.run("INSERT INTO number VALUES (0)")
        yield path


@pytest.fixture
def writer(database: Path) -> Iterator[Writer]:
    with closing(Writer(database)) as writer:
        yield writer


@pytest.fixture
def session(database: Path) -> Iterator[TurnSession]:
    with closing(TurnSession(database, cache_kib=64)) as session:
        yield session


def read(session: TurnSession) -> int:
    row = session.row(READ)
    assert row is not None
    return int(row[0])


async def test_reads_of_a_turn_see_one_state_and_those_of_the_next_the_newest(
    session: TurnSession, writer: Writer
) -> None:
    before = read(session)
    writer.count_up()

    assert read(session) == before
    await asyncio.sleep(0)
    assert read(session) == before + 1


async def test_nothing_stays_open_between_turns(
    session: TurnSession, writer: Writer
) -> None:
    assert session.rows(READ)
    assert session.in_transaction
    await asyncio.sleep(0)

    assert not session.in_transaction
    writer.count_up()
    assert writer.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE) == (
        0,
        0,
    )


def test_without_a_loop_each_read_is_by_itself(
    session: TurnSession, writer: Writer
) -> None:
    before = read(session)
    writer.count_up()

    assert read(session) == before + 1
    assert not session.in_transaction


async def test_a_read_that_fails_spoils_none_of_the_next(session: TurnSession) -> None:
    with pytest.raises(StorageFailedError):
        session.rows("SELECT 1 FROM nowhere")
    assert read(session) == 0
    await asyncio.sleep(0)

    assert read(session) == 0


async def test_a_session_that_is_closed_in_a_turn_ends_quietly(database: Path) -> None:
    session = TurnSession(database, cache_kib=64)
    read(session)
    session.close()

    await asyncio.sleep(0)


async def count_misses(session: TurnSession, database: Path) -> int:
    """Tell tasks of new numbers, by a thread and by a socket; count who sees an old one.

    Other tasks read in every turn, so that a transaction is open whenever one is told.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[int] = asyncio.Queue()
    stop = asyncio.Event()
    misses = 0

    async def read_always() -> None:
        while not stop.is_set():
            read(session)
            await asyncio.sleep(0)

    async def check(number: int) -> None:
        nonlocal misses
        misses += read(session) < number

    async def answer(reader: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            await check(int(line))
            out.write(b"\n")
        out.close()

    async def listen() -> None:
        for _ in range(TELLINGS):
            await check(await told.get())

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    def write() -> None:
        with (
            closing(Writer(database)) as writer,
            socket.create_connection(("127.0.0.1", port)) as client,
        ):
            for _ in range(TELLINGS):
                number = writer.count_up()
                loop.call_soon_threadsafe(told.put_nowait, number)
                client.sendall(b"%d\n" % number)
                client.recv(1)

    readers = [asyncio.ensure_future(read_always()) for _ in range(READERS)]
    thread = threading.Thread(target=write)
    thread.start()
    await listen()
    await asyncio.to_thread(thread.join)
    stop.set()
    await asyncio.gather(*readers)
    server.close()
    return misses


@pytest.mark.parametrize("new_loop", LOOPS)
def test_whoever_is_told_of_a_write_sees_it(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
    session: TurnSession,
    database: Path,
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(count_misses(session, database)) == 0


class LateSession(TurnSession):
    """Ends two turns later than it may."""

    def _end(self) -> None:
        def end() -> None:
            TurnSession._end(self)

        loop = asyncio.get_running_loop()
        loop.call_soon(lambda: loop.call_soon(lambda: loop.call_soon(end)))


@pytest.mark.parametrize("new_loop", LOOPS)
def test_a_transaction_that_ends_too_late_is_noticed(
    new_loop: Callable[[], asyncio.AbstractEventLoop], database: Path
) -> None:
    with (
        closing(LateSession(database, cache_kib=64)) as session,
        asyncio.Runner(loop_factory=new_loop) as runner,
    ):
        assert runner.run(count_misses(session, database)) > 0

"""Threads, forks, interrupts and the end of a program."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import pytest
from lakebed.client import Lake, Repository, connect

from support.api import ADMIN, serve_api


@pytest.fixture
async def url(directory: Path) -> AsyncGenerator[str]:
    async with serve_api(directory / "served") as served:
        yield served.url


async def run_program(program: str, url: str) -> tuple[int, str, str]:
    """Run `program`, which finds the server in its environment."""
    import asyncio

    environment = {
        **os.environ,
        "LAKEBED_SERVER": url,
        "LAKEBED_ACCESS_KEY_ID": ADMIN.id,
        "LAKEBED_SECRET_ACCESS_KEY": ADMIN.secret,
    }
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-X", "dev", "-W", "ignore::ResourceWarning", "-c", program],
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_many_threads_share_a_client(repository: Repository) -> None:
    main = repository.branch("main")
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                with main.transaction(f"{number}.{turn}") as tx:
                    tx.upload(f"{number}/{turn}", b"x")
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert main.du().object_count == 30
    assert len(list(main.log())) == 31


def test_a_callback_that_asks_its_own_client_is_told_so(repository: Repository) -> None:
    """It would wait for itself for ever."""
    main = repository.branch("main")
    main.upload("a", b"1")

    def ask(done: int, total: int | None) -> None:
        del done, total
        main.read("a")

    with pytest.raises(RuntimeError, match="cannot ask the client that runs it"):
        main.upload("b", b"x", progress=ask)

    assert main.read("a") == b"1"


async def test_a_forked_process_has_connections_of_its_own(url: str) -> None:
    program = """
import os, lakebed.client
lake = lakebed.client.connect()
main = lake.create_repository("penguins").branch("main")
main.upload("parent", b"1")
child = os.fork()
if not child:
    main.upload("child", b"2")
    assert main.read("parent") == b"1"
    lake.close()
    os._exit(0)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert main.read("child") == b"2"
lake.close()
print("both")
"""
    assert await run_program(program, url) == (0, "both\n", "")


async def test_workers_of_multiprocessing_get_handles_by_name(url: str) -> None:
    program = """
import concurrent.futures, multiprocessing, sys
import lakebed.client

def size(work):
    branch, path = work
    return len(branch.read(path))

if __name__ == "__main__":
    lake = lakebed.client.connect()
    main = lake.create_repository("penguins").branch("main")
    main.upload("a", b"123")
    context = multiprocessing.get_context("fork")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        print(list(pool.map(size, [(main, "a")] * 3)))
    lake.close()
"""
    assert await run_program(program, url) == (0, "[3, 3, 3]\n", "")


def test_a_directory_is_not_used_by_a_fork(lake: Lake) -> None:
    """Its database is open in the parent, and must not be in both."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            lake.repository("r").exists()
        except BaseException as error:  # noqa: BLE001
            os.write(writing, str(error).encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as said:
        assert "in a forked process" in said.read()


async def test_a_program_that_closes_nothing_ends_quietly(url: str) -> None:
    program = """
import lakebed.client
main = lakebed.client.connect().create_repository("penguins").branch("main")
main.upload("a", b"1")
file = main.open("never", "w")
file.write("half")
print(main.read("a"))
"""
    assert await run_program(program, url) == (0, "b'1'\n", "")


async def test_an_interrupt_ends_a_transaction_with_nothing(url: str) -> None:
    program = """
import os, signal, lakebed.client
lake = lakebed.client.connect()
main = lake.create_repository("penguins").branch("main")
try:
    with main.transaction("never") as tx:
        tx.upload("a", b"1")
        os.kill(os.getpid(), signal.SIGINT)
        tx.upload("b", b"1")
except KeyboardInterrupt:
    print(main.exists("a"), len(list(main.repository.branches(hidden=True))))
lake.close()
"""
    assert await run_program(program, url) == (0, "False 1\n", "")


def test_an_interrupt_while_it_waits_reaches_the_caller(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = repository.branch("main")
    interrupt = threading.Timer(0, lambda: os.kill(os.getpid(), signal.SIGINT))

    def pieces() -> Iterator[bytes]:
        interrupt.start()
        while True:
            yield b"x" * 1000

    with pytest.raises(KeyboardInterrupt):
        main.upload("endless", pieces())

    assert not main.exists("endless")


def test_a_client_that_is_thrown_away_ends_its_thread(directory: Path) -> None:
    import gc

    before = threading.active_count()
    lake = connect("http://127.0.0.1:1")
    assert threading.active_count() == before + 1
    del lake
    gc.collect()

    assert threading.active_count() == before

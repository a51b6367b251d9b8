"""The blocking client is the asynchronous one without `await`, method by method."""

from __future__ import annotations

import inspect
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
from lakebed.client import AsyncClient, Client
from lakebed.client.blocking.loop import LoopThread


def methods(kind: type[Any]) -> dict[str, Callable[..., Any]]:
    return {
        name: method
        for name, method in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    }


def test_both_clients_have_the_same_methods() -> None:
    assert set(methods(Client)) == set(methods(AsyncClient))


@pytest.mark.parametrize("name", sorted(set(methods(AsyncClient)) - {"close"}))
def test_both_say_and_take_the_same(name: str) -> None:
    blocking, asynchronous = methods(Client)[name], methods(AsyncClient)[name]

    assert inspect.getdoc(blocking) == inspect.getdoc(asynchronous)
    ours = inspect.signature(blocking).parameters
    theirs = inspect.signature(asynchronous).parameters
    assert list(ours) == list(theirs)
    for parameter in ours:
        assert ours[parameter].kind == theirs[parameter].kind
        assert ours[parameter].default == theirs[parameter].default


def test_both_are_made_with_the_same() -> None:
    ours = inspect.signature(Client.__init__).parameters
    assert ours == inspect.signature(AsyncClient.__init__).parameters


def test_a_loop_serves_many_threads_and_ends() -> None:
    loop = LoopThread()
    results: list[int] = []

    async def double(number: int) -> int:
        return 2 * number

    def call(number: int) -> None:
        results.append(loop.run(double(number)))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    loop.close()
    loop.close()

    assert sorted(results) == [0, 2, 4, 6, 8, 10, 12, 14]
    with pytest.raises(RuntimeError, match="closed"):
        loop.run(double(1))


def test_iteration_that_stops_early_closes_its_source() -> None:
    loop = LoopThread()
    closed: list[bool] = []

    async def source() -> AsyncGenerator[int]:
        try:
            for number in range(10):
                yield number
        finally:
            closed.append(True)

    numbers = loop.iterate(source())

    assert next(numbers) == 0
    numbers.close()
    assert closed == [True]
    loop.close()

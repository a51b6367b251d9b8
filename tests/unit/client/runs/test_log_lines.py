"""Lines that scripts log: behind what was printed before them, whoever logs."""

from __future__ import annotations

import os
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import pytest
from lakebed.client.runs.log_lines import (
    LOG_VARIABLE,
    MESSAGE_BYTES_MAX,
    LogLines,
    LogSender,
)

RUN = "a" * 32


@contextmanager
def taking(give: Callable[[str], None]) -> Generator[str]:
    """Take lines in a thread; the context has the value of the variable."""
    ours, theirs = os.pipe()
    with LogLines(give) as lines, selectors.DefaultSelector() as selector:
        lines.register(selector)
        selector.register(ours, selectors.EVENT_READ)

        def take() -> None:
            while True:
                for key, _ in selector.select():
                    if key.fd == ours:
                        return
                    assert isinstance(key.fileobj, socket.socket)
                    lines.take(key.fileobj, selector, lambda: None)

        thread = threading.Thread(target=take)
        thread.start()
        yield lines.variables(RUN)[LOG_VARIABLE]
        os.close(theirs)
        thread.join()
    os.close(ours)


def test_lines_of_threads_come_in_the_order_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[str] = []
    with taking(taken.append) as value:
        monkeypatch.setenv(LOG_VARIABLE, value)
        sender = LogSender.find(RUN)
        assert sender is not None
        assert sender.send("first\n")

        def log(name: str) -> None:
            for number in range(50):
                assert sender.send(f"{name} {number}\n")

        threads = [threading.Thread(target=log, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert taken[0] == "first\n"
    for name in "ab":
        assert [line for line in taken if line.startswith(name)] == [
            f"{name} {number}\n" for number in range(50)
        ]


def test_what_nobody_takes_goes_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    with taking(taken.append) as value:
        monkeypatch.setenv(LOG_VARIABLE, value)
        sender = LogSender.find(RUN)
        assert sender is not None
        assert not sender.send("x" * (MESSAGE_BYTES_MAX + 1))
        assert sender.send("short")

    assert taken == ["short"]
    assert not sender.send("late")
    assert LogSender.find("b" * 32) is None
    monkeypatch.delenv(LOG_VARIABLE)
    assert LogSender.find(RUN) is None


@pytest.mark.parametrize(
    "noise",
    [b"", b"\0", b"\xff" * 100, struct.pack(">I", 100) + b"cut off", b"GET / HTTP/1.1"],
)
def test_what_is_no_line_is_dropped_and_others_are_taken(noise: bytes) -> None:
    taken: list[str] = []
    with taking(taken.append) as value:
        path = value.partition(":")[2]
        with socket.socket(socket.AF_UNIX) as odd:
            odd.connect(path)
            odd.sendall(noise)
        assert LogSender(path).send("line")

    assert taken == ["line"]


def test_a_folder_that_cannot_be_made_leaves_no_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", fail)
    with LogLines(lambda _: None) as lines, selectors.DefaultSelector() as selector:
        lines.register(selector)

        assert lines.variables(RUN) == {}
        assert not selector.get_map()

"""A client that ends its side after a whole request is answered; then both sides end."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.edges import read_all
from support.s3local import run_local
from support.s3raw import Raw, Signer, Wire
from support.s3server import ADMIN, ServerProcess

SIZES = [0, 100, 3_000_000]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    folder: Path = tmp_path_factory.mktemp("half")
    with run_local(folder / "lake") as running:
        running.create_repository("repo")
        yield running


def signed(server: ServerProcess, method: str, path: str, data: bytes = b"") -> bytes:
    raw = Raw(method, path, headers={"host": server.address}, body=data)
    raw.sign_header(Signer(ADMIN), "UNSIGNED-PAYLOAD")
    raw.headers["content-length"] = str(len(data))
    return raw.head + raw.body


def say_and_end(server: ServerProcess, sent: bytes) -> bytes:
    """Send all of it, end our side, and return all that comes until the other ends."""
    with Wire(server) as wire:
        wire.send(sent)
        wire.socket.shutdown(socket.SHUT_WR)
        return read_all(wire.socket)


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sent_whole_is_answered(server: ServerProcess, size: int) -> None:
    data, path = os.urandom(size), f"/repo/main/{size}"

    written = say_and_end(server, signed(server, "PUT", path, data))
    read = say_and_end(server, signed(server, "GET", path))

    assert written.startswith(b"HTTP/1.1 200 ")
    assert read.startswith(b"HTTP/1.1 200 ")
    assert read.partition(b"\r\n\r\n")[2] == data


def test_each_of_several_requests_is_answered(server: ServerProcess) -> None:
    sent = b"".join(signed(server, "PUT", f"/repo/main/m{n}", b"x") for n in range(5))

    assert say_and_end(server, sent).count(b"HTTP/1.1 200 ") == 5


def test_half_of_a_body_is_not_answered_and_stores_nothing(
    server: ServerProcess,
) -> None:
    sent = signed(server, "PUT", "/repo/main/half", os.urandom(1000))

    assert b" 200 " not in say_and_end(server, sent[:-1])
    assert server.send("GET", "/repo/main/half").status == 404


def test_who_ends_after_the_answer_is_let_go(server: ServerProcess) -> None:
    with Wire(server) as wire:
        wire.send(signed(server, "GET", "/repo/main/nothing"))
        assert wire.read("GET").status == 404
        wire.socket.shutdown(socket.SHUT_WR)
        assert wire.is_closed()

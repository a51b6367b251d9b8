"""Servers with several listeners, and clients that reach each."""

from __future__ import annotations

import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from lakebed.server.auth.secrets import AccessKey

from .s3server import ADMIN, ServerProcess


def at(server: ServerProcess, beginning: str) -> ServerProcess:
    """Return `server` as reached through the listener whose line begins so."""
    for line in server.early_lines:
        head, _, url = line.rpartition(" on ")
        if head == beginning:
            return replace(server, url=url.removesuffix("/metrics"))
    raise AssertionError(f"no line says '{beginning}': {server.early_lines}")


def make_client(
    url: str, key: AccessKey = ADMIN, *, verify: str | None = None, **config: Any
) -> Any:
    """Return a boto3 client of the gateway at `url`."""
    library: Any = boto3
    return library.client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        verify=verify,
        config=Config(retries={"max_attempts": 1}, **config),
    )


@contextmanager
def names_lead_here(domain: str) -> Generator[None]:
    """Let every name of `domain`, and below it, lead to 127.0.0.1 in this process."""
    look_up = socket.getaddrinfo

    def resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str) and f".{name}".endswith(f".{domain}"):
            host = "127.0.0.1"
        return look_up(host, *arguments, **options)

    with mock.patch.object(socket, "getaddrinfo", resolve):
        yield


def connect(server: ServerProcess, *, timeout_s: float = 30) -> socket.socket:
    """Return a bare connection to `server`."""
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port), timeout=timeout_s)


def refuses(server: ServerProcess) -> bool:
    """Tell whether the listener does not accept."""
    try:
        connect(server).close()
    except ConnectionError:
        return True
    return False


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes."""
    pieces: list[bytes] = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def write_head(lines: Sequence[str]) -> bytes:
    """Return the head of a request out of its `lines`."""
    return "\r\n".join([*lines, "", ""]).encode()

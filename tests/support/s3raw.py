"""Requests to S3 that are signed and framed by hand, so that they can be wrong.

Shares no code with the server: what the server takes for right was computed twice.
"""

from __future__ import annotations

import hashlib
import hmac
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPResponse
from typing import Self
from urllib.parse import quote

from lakebed.server.auth.secrets import AccessKey

from support.s3server import ADMIN, Answer, ServerProcess

UNSIGNED = "UNSIGNED-PAYLOAD"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

EMPTY_SHA256 = hashlib.sha256().hexdigest()
SOCKET_S_MAX = 20.0
"""A server that has not answered by then hangs."""


class Signer:
    """A key at a time."""

    def __init__(
        self,
        key: AccessKey,
        *,
        age: timedelta = timedelta(),
        region: str = "us-east-1",
        service: str = "s3",
    ) -> None:
        self.key = key
        self.time = (datetime.now(UTC) - age).strftime("%Y%m%dT%H%M%SZ")
        parts = (self.time[:8], region, service, "aws4_request")
        self.scope = "/".join(parts)
        derived = b"AWS4" + key.secret.encode()
        for part in parts:
            derived = hmac.digest(derived, part.encode(), "sha256")
        self.derived = derived

    @property
    def credential(self) -> str:
        return f"{self.key.id}/{self.scope}"

    def sign(self, words: str, *lines: str) -> str:
        """Return the signature of `words`, time, scope and `lines`."""
        text = "\n".join((words, self.time, self.scope, *lines))
        return hmac.digest(self.derived, text.encode(), "sha256").hex()


@dataclass
class Raw:
    """A request as it goes over the wire."""

    method: str
    path: str
    """Percent-encoded."""
    query: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Decoded."""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    """By name in lower case."""
    body: bytes = b""

    def copy(self) -> Self:
        return type(self)(
            self.method, self.path, [*self.query], {**self.headers}, self.body
        )

    @property
    def target(self) -> str:
        query = "&".join(
            f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}"
            for name, value in self.query
        )
        return f"{self.path}?{query}" if query else self.path

    @property
    def head(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def sign_header(
        self, signer: Signer, payload: str, *, leave_out: Collection[str] = ()
    ) -> str:
        """Sign in the header Authorization; return the signature."""
        self.headers["x-amz-date"] = signer.time
        self.headers["x-amz-content-sha256"] = payload
        names = sorted(set(self.headers) - set(leave_out))
        signature = self._sign(signer, names, payload)
        self.headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={signer.credential}, "
            f"SignedHeaders={';'.join(names)}, Signature={signature}"
        )
        return signature

    def sign_query(
        self,
        signer: Signer,
        payload: str,
        *,
        expires_s: str | int = 600,
        leave_out: Collection[str] = (),
    ) -> str:
        """Presign; return the signature."""
        if payload != UNSIGNED:
            self.headers["x-amz-content-sha256"] = payload
        names = sorted(set(self.headers) - set(leave_out))
        self.query += [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", signer.credential),
            ("X-Amz-Date", signer.time),
            ("X-Amz-Expires", str(expires_s)),
            ("X-Amz-SignedHeaders", ";".join(names)),
        ]
        signature = self._sign(signer, names, payload)
        self.query.append(("X-Amz-Signature", signature))
        return signature

    def _sign(self, signer: Signer, names: Sequence[str], payload: str) -> str:
        pairs = sorted(
            (quote(name, safe="-._~"), quote(value, safe="-._~"))
            for name, value in self.query
        )
        lines = [
            self.method,
            self.path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(self.headers[name].split())}" for name in names),
            "",
            ";".join(names),
            payload,
        ]
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
        return signer.sign("AWS4-HMAC-SHA256", digest)


def frame(
    pieces: Iterable[bytes],
    *,
    signer: Signer | None = None,
    seed: str = "",
    trailers: Mapping[str, str] | None = None,
    sign_trailer: bool = False,
) -> list[bytes]:
    """Return `pieces` in the framing of aws-chunked, one item for each bit of framing.

    Args:
        pieces: the data, one chunk each; none of them empty.
        signer: signs the chunks, if it is given.
        seed: the signature of the request.
        trailers: come at the end.
        sign_trailer: add the signature of the trailers.
    """
    framed: list[bytes] = []
    last = seed
    for piece in [*pieces, b""]:
        head = f"{len(piece):x}"
        if signer is not None:
            digest = hashlib.sha256(piece).hexdigest()
            last = signer.sign("AWS4-HMAC-SHA256-PAYLOAD", last, EMPTY_SHA256, digest)
            head += f";chunk-signature={last}"
        framed.append(head.encode() + b"\r\n")
        if piece:
            framed += [piece, b"\r\n"]
    lines = [f"{name}:{value}" for name, value in (trailers or {}).items()]
    if sign_trailer:
        assert signer is not None
        text = "".join(f"{line}\n" for line in lines) or "\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        signature = signer.sign("AWS4-HMAC-SHA256-TRAILER", last, digest)
        lines.append(f"x-amz-trailer-signature:{signature}")
    framed += [f"{line}\r\n".encode() for line in lines]
    framed.append(b"\r\n")
    return framed


def signed_head(
    address: str,
    method: str,
    target: str,
    size_bytes: int = 0,
    *more: str,
    close: bool = True,
) -> bytes:
    """Return the head of a request whose body is not signed.

    Args:
        address: of the server.
        method: of the request.
        target: a path, percent-encoded.
        size_bytes: what the body of a PUT will have.
        more: further headers, `name: value`.
        close: ask for no further answer on the connection.
    """
    headers = {"host": address}
    if close:
        headers["connection"] = "close"
    if method == "PUT":
        headers["content-length"] = str(size_bytes)
    for line in more:
        name, _, value = line.partition(": ")
        headers[name] = value
    raw = Raw(method, target, headers=headers)
    # What a proxy may change is not signed.
    raw.sign_header(Signer(ADMIN), UNSIGNED, leave_out=["connection", "expect"])
    return raw.head


class Wire:
    """A connection on which anything can be sent."""

    def __init__(self, server: ServerProcess) -> None:
        host, port = server.address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=SOCKET_S_MAX)
        self.closes = False
        """The last response said that it is the last."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self, method: str = "PUT") -> Answer:
        """Return the next response; `TimeoutError` if there is none in time."""
        response = HTTPResponse(self.socket, method=method)
        response.begin()
        self.closes = response.will_close
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())

    def exchange(self, raw: Raw) -> Answer:
        self.send(raw.head + raw.body)
        return self.read(raw.method)

    def is_closed(self) -> bool:
        """Tell whether the server closes the connection; for one that should."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True

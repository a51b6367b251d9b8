"""Request bodies: small ones at once, large ones as they come, and what protects them.

Nothing of a body is asked for (`100 Continue`) before the caller was let in, and of a
large one not before the first byte is wanted, so that a write that is refused for its
condition sends nothing. A large body waits for its turn, because each holds memory.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager

from aiohttp import ClientPayloadError, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from ..auth.sigv4 import UNSIGNED_PAYLOAD
from ..chunks.ingest import WrittenBlob
from .checksums import Checksum, StoredChecksum
from .errors import S3Error

_HEX_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_STREAMING = "STREAMING-"


class Body:
    """The body of one PutObject, with what the client says that it is."""

    def __init__(self, request: web.BaseRequest, payload: str) -> None:
        """Read the claims of `request`, whose signature says `payload` of the body.

        Raises:
            S3Error: a claim is malformed, or of a kind that is not built yet.
        """
        self._request = request
        self._sha256 = _read_payload(payload)
        self._md5 = _read_md5(request.headers.get("Content-MD5"))
        self._claimed = Checksum.read(request.headers)
        self._sum = self._claimed.algorithm.start() if self._claimed else None
        length = request.content_length
        if length is None:
            raise S3Error(
                "MissingContentLength", "you must provide the Content-Length header"
            )
        self.size_bytes = length

    @property
    def want_sha256(self) -> bool:
        """Whether `check` needs the SHA-256 of the bytes."""
        return self._sha256 is not None

    async def read_whole(self) -> bytes:
        """Return all of it, checked. For small bodies.

        Raises:
            S3Error: it is not what the client says, or broke off.
        """
        await ask_for_body(self._request)
        with _refuse_broken():
            data = await self._request.content.read()
        if len(data) != self.size_bytes:
            raise _broken_off()
        if self._sha256 is not None:
            self._check_sha256(hashlib.sha256(data).hexdigest())
        if self._md5 is not None:
            self._check_md5(hashlib.md5(data, usedforsecurity=False).digest())
        if self._sum is not None:
            self._sum.update(data)
        self._check_sum()
        return data

    async def iter_pieces(self) -> AsyncIterator[bytes]:
        """Yield it as it comes; `check` says at the end whether it was right.

        Raises:
            S3Error: it broke off.
        """
        await ask_for_body(self._request)
        left = self.size_bytes
        with _refuse_broken():
            while piece := await self._request.content.readany():
                left -= len(piece)
                if self._sum is not None:
                    self._sum.update(piece)
                yield piece
        if left:
            raise _broken_off()

    def check(self, blob: WrittenBlob) -> None:
        """Return if the bytes that were taken in are those that the client means.

        Raises:
            S3Error: they are not.
        """
        if blob.size_bytes != self.size_bytes:
            raise _broken_off()
        if self._sha256 is not None:
            assert blob.sha256 is not None
            self._check_sha256(blob.sha256.hex())
        if self._md5 is not None:
            self._check_md5(blob.md5)
        self._check_sum()

    @property
    def checksum(self) -> StoredChecksum | None:
        """What the client said that the bytes sum up to, once they were checked."""
        if self._claimed is None or self._claimed.digest is None:
            return None
        return StoredChecksum(self._claimed.algorithm, self._claimed.digest)

    def _check_sum(self) -> None:
        if self._claimed is not None and self._sum is not None:
            self._claimed.check(self._sum.digest())

    def _check_sha256(self, computed: str) -> None:
        if computed != self._sha256:
            raise S3Error(
                "XAmzContentSHA256Mismatch",
                "the provided 'x-amz-content-sha256' header does not match what was "
                "computed",
                ClientComputedContentSHA256=self._sha256 or "",
                S3ComputedContentSHA256=computed,
            )

    def _check_md5(self, computed: bytes) -> None:
        if computed != self._md5:
            raise S3Error(
                "BadDigest",
                "the Content-MD5 you specified did not match what we received",
                ExpectedDigest=base64.b64encode(self._md5 or b"").decode(),
                CalculatedDigest=base64.b64encode(computed).decode(),
            )


async def ask_for_body(request: web.BaseRequest) -> None:
    """Tell a client that waits for it to send the body now."""
    expectation = request.headers.get(hdrs.EXPECT)
    if expectation is None or expectation.lower() != "100-continue":
        return  # an expectation that we do not know is passed over
    if request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0


def awaits_continue(request: web.BaseRequest) -> bool:
    """Tell whether the client may hold its body back until it hears `100 Continue`."""
    return hdrs.EXPECT in request.headers and not request.content.is_eof()


def _read_payload(payload: str) -> str | None:
    """Return the hex SHA-256 that was signed; None if the body was not signed."""
    if payload == UNSIGNED_PAYLOAD:
        return None
    if _HEX_SHA256.fullmatch(payload):
        return payload
    if payload.startswith(_STREAMING):
        raise S3Error(
            "NotImplemented",
            f"uploads in signed or trailed chunks ('{payload[:60]}') are not "
            "implemented yet",
            Header="x-amz-content-sha256",
        )
    raise S3Error(
        "InvalidArgument",
        f"x-amz-content-sha256 must be {UNSIGNED_PAYLOAD} or a valid sha256 value",
        ArgumentName="x-amz-content-sha256",
        ArgumentValue=payload[:100],
    )


def _read_md5(header: str | None) -> bytes | None:
    if header is None:
        return None
    try:
        digest = base64.b64decode(header.strip(), validate=True)
    except (ValueError, binascii.Error):
        digest = b""
    if len(digest) != 16:
        raise S3Error("InvalidDigest", "the Content-MD5 you specified is not valid")
    return digest


def _broken_off() -> S3Error:
    return S3Error("IncompleteBody", "the request body terminated unexpectedly")


@contextmanager
def _refuse_broken() -> Generator[None]:
    """Turn what the HTTP library raises on a malformed body into an error of S3."""
    try:
        yield
    except (ClientPayloadError, HttpProcessingError, web.RequestPayloadError) as error:
        raise _broken_off() from error

"""Request bodies: small ones at once, large ones as they come, and what protects them.

Every way in which a body may be sent and signed ends here: with a length, or in HTTP's
chunks; plain, or as `aws-chunked` with signatures and trailers. Whatever is claimed of the
bytes (their length, MD5, SHA-256, checksum, signatures) is checked before anything names
them.

Nothing of a body is asked for (`100 Continue`) before the caller was let in, and of a
large one not before the first byte is wanted, so that a write that is refused for its
condition sends nothing. A large body waits for its turn, because each holds memory.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import AsyncIterator

from aiohttp import ClientPayloadError, StreamReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from ..auth.sigv4 import UNSIGNED_PAYLOAD
from ..chunks.digests import Sum
from ..chunks.ingest import WrittenBlob
from ..httprules.receiving import Patience
from ..serving.exchange import EXCHANGE
from .aws_chunked import TRAILER_SIGNATURE, ChunkedDecoder, broken_off
from .call import Call, invalid_argument
from .checksums import TRAILER_HEADER, Algorithm, Checksum, RunningSum, StoredChecksum
from .chunk_signatures import ChunkSignatures
from .errors import S3Error
from .payload import EMPTY_SHA256, Payload

_DECODED_LENGTH = "x-amz-decoded-content-length"
_SIZE_DIGITS_MAX = 16
_NO_TRAILERS: frozenset[str] = frozenset()


class Body:
    """The body of one request, with what the client says that it is."""

    def __init__(
        self, call: Call, *, may_be_absent: bool = False, has_checksum: bool = True
    ) -> None:
        """Read what `call` says of its body.

        Args:
            call: the request.
            may_be_absent: a request without a length, which has no body, is taken for
                one with an empty one.
            has_checksum: the checksum that the headers give is that of the body.

        Raises:
            S3Error: what it says is malformed, or contradicts itself.
        """
        self._request = request = call.request
        self._patience = Patience.of(call.gateway.settings, request)
        payload = Payload.parse(call.verified.claim.payload)
        self._md5 = _read_md5(request.headers.get("Content-MD5"))
        self._claimed = Checksum.read(request.headers) if has_checksum else None
        self.size_bytes = _read_size(request, payload, may_be_absent=may_be_absent)
        """Of the bytes that are meant, without any framing."""
        self._sha256 = payload.sha256
        self._sha256_sum = None if payload.sha256 is None else Algorithm.SHA256.start()
        self._checksum_sum = self._start_checksum()
        self._signatures = ChunkSignatures(call.verified) if payload.is_signed else None
        self._decoder = self._make_decoder(payload)
        self.checksum: StoredChecksum | None = None
        """What the client says that the bytes sum up to, once that was checked."""

    def _start_checksum(self) -> RunningSum | None:
        if self._claimed is None:
            return None
        if self._claimed.algorithm is Algorithm.SHA256 and self._sha256_sum is not None:
            return self._sha256_sum  # once is enough
        return self._claimed.algorithm.start()

    def _make_decoder(self, payload: Payload) -> ChunkedDecoder | None:
        trailers = _NO_TRAILERS
        if self._claimed is not None and self._claimed.digest is None:
            trailers |= {self._claimed.algorithm.header}
        if trailers and not payload.has_trailer:
            raise S3Error(
                "InvalidRequest",
                f"{TRAILER_HEADER} is given, but x-amz-content-sha256 says that the "
                "body has no trailer",
            )
        if not payload.is_chunked:
            return None
        if self._signatures is None:
            return ChunkedDecoder(self.size_bytes, trailer_names=trailers)
        if payload.has_trailer:
            trailers |= {TRAILER_SIGNATURE}
        return ChunkedDecoder(
            self.size_bytes, on_head=self._signatures.expect, trailer_names=trailers
        )

    @property
    def algorithm(self) -> Algorithm | None:
        """The kind of the checksum that the client gives or announces, if any."""
        return None if self._claimed is None else self._claimed.algorithm

    def check_size(self, bytes_max: int) -> None:
        """Return if it is not longer than one upload may be.

        Raises:
            S3Error: it is.
        """
        if self.size_bytes > bytes_max:
            raise S3Error(
                "EntityTooLarge",
                "your proposed upload exceeds the maximum allowed size",
                ProposedSize=str(self.size_bytes),
                MaxSizeAllowed=str(bytes_max),
            )

    @property
    def sums(self) -> list[Sum]:
        """What takes all bytes of `iter_pieces`, before `check`."""
        each = (self._sha256_sum, self._checksum_sum, self._signatures)
        return [one for one in dict.fromkeys(each) if one is not None]

    async def read_whole(self) -> bytes:
        """Return all of it, checked. For small bodies.

        Raises:
            S3Error: it is not what the client says, or broke off.
        """
        if self._decoder is None and self._request.content.is_eof():
            await ask_for_body(self._request)
            # It came together with its head, as small bodies mostly do.
            data = await self._read_some()
            if len(data) != self.size_bytes:
                raise broken_off()
        else:
            data = b"".join([piece async for piece in self.iter_pieces()])
        for each in self.sums:
            each.update(data)
        md5 = self._md5 and hashlib.md5(data, usedforsecurity=False).digest()
        self._check_sums(md5)
        return data

    async def iter_pieces(self) -> AsyncIterator[bytes]:
        """Yield it as it comes; `check` says at the end whether it was right.

        Raises:
            S3Error: it broke off, is malformed, or comes too slowly.
        """
        await ask_for_body(self._request)
        left = self.size_bytes
        decoder = self._decoder
        while piece := await self._read_some():
            if decoder is not None:
                piece = decoder.feed(piece)
            left -= len(piece)
            if left < 0:
                raise broken_off("is longer than it should be")
            if piece:
                yield piece
        if decoder is not None:
            decoder.finish()
        if left:
            raise broken_off()

    async def _read_some(self) -> bytes:
        """Return what has come, at least a byte; none at the end."""
        content = self._request.content
        try:
            if content.is_eof():
                return content.read_nowait()
            # Whoever sends HTTP's chunks says how small they are: they are put together.
            # Of others a piece is what came at one time, and is taken without a copy.
            whole = self._request.content_length is not None
            reading = _read_piece(content) if whole else content.readany()
            return await self._patience.wait(reading)
        except (
            ClientPayloadError,
            HttpProcessingError,
            web.RequestPayloadError,
        ) as error:
            raise broken_off() from error

    def check(self, blob: WrittenBlob) -> None:
        """Return if the bytes that were taken in are those that the client means.

        Raises:
            S3Error: they are not.
        """
        if blob.size_bytes != self.size_bytes:
            raise broken_off()
        self._check_sums(blob.md5)

    def encode_checksum(self) -> bytes:
        """Return the checksums of the entry, once the bytes were checked."""
        return b"" if self.checksum is None else self.checksum.encode()

    def _check_sums(self, md5: bytes | None) -> None:
        trailers = {} if self._decoder is None else self._decoder.trailers
        if self._signatures is not None:
            self._signatures.check(trailers)
        if self._sha256_sum is not None:
            self._check_sha256(self._sha256_sum.digest().hex())
        if self._md5 is not None and md5 != self._md5:
            raise S3Error(
                "BadDigest",
                "the Content-MD5 you specified did not match what we received",
                ExpectedDigest=base64.b64encode(self._md5).decode(),
                CalculatedDigest=base64.b64encode(md5 or b"").decode(),
            )
        if self._claimed is not None and self._checksum_sum is not None:
            computed = self._checksum_sum.digest()
            self.checksum = self._claimed.verify(computed, trailers)

    def _check_sha256(self, computed: str) -> None:
        if computed != self._sha256:
            raise S3Error(
                "XAmzContentSHA256Mismatch",
                "the provided 'x-amz-content-sha256' header does not match what was "
                "computed",
                ClientComputedContentSHA256=self._sha256 or "",
                S3ComputedContentSHA256=computed,
            )


async def read_document_body(
    call: Call, bytes_max: int, *, has_checksum: bool = True
) -> bytes:
    """Return the whole body of a request that sends a document, checked.

    `has_checksum`: see `Body`.

    Raises:
        S3Error: it is over `bytes_max`, not what the client says, or broke off.
    """
    body = Body(call, may_be_absent=True, has_checksum=has_checksum)
    if body.size_bytes > bytes_max:
        raise S3Error(
            "MaxMessageLengthExceeded",
            f"your request was too big: its body may have {bytes_max} bytes",
            MaxMessageLengthBytes=str(bytes_max),
        )
    return await body.read_whole()


async def refuse_body(call: Call) -> None:
    """Return if the request of an operation that takes no body has none.

    What was signed of a body must be true also of one that nobody looks at.

    Raises:
        S3Error: it has one, or one was signed.
    """
    if not call.request.can_read_body and call.verified.claim.payload in _NO_BODY:
        return
    await read_document_body(call, 0)


_NO_BODY = frozenset({EMPTY_SHA256, UNSIGNED_PAYLOAD})


async def ask_for_body(request: web.BaseRequest) -> None:
    """Tell a client that waits for it to send the body now, be it an empty one.

    The AWS command line remembers of a connection on which an answer came without
    `100 Continue`, and takes its next answer there for one without an end.
    """
    expectation = request.headers.get(hdrs.EXPECT)
    if expectation is None or expectation.lower() != "100-continue":
        return  # an expectation that we do not know is passed over
    if request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0
        request[EXCHANGE].has_asked = True


async def _read_piece(content: StreamReader) -> bytes:
    """Return the oldest bytes that have come, none at the end."""
    piece, _ = await content.readchunk()
    return piece


def awaits_continue(request: web.BaseRequest) -> bool:
    """Tell whether the client may still wait for `100 Continue`, or hold its body back."""
    if hdrs.EXPECT not in request.headers:
        return False
    return not (request[EXCHANGE].has_asked and request.content.is_eof())


def _read_size(
    request: web.BaseRequest, payload: Payload, *, may_be_absent: bool
) -> int:
    """Return how many bytes the client means to send, without framing."""
    sent = request.content_length
    decoded = request.headers.get(_DECODED_LENGTH)
    if decoded is not None:
        digits = decoded.isascii() and decoded.isdigit()
        if not digits or len(decoded) > _SIZE_DIGITS_MAX:
            raise invalid_argument(_DECODED_LENGTH, decoded, "it must be a number")
        if payload.is_chunked or sent is None:
            return int(decoded)
        if sent != int(decoded):
            raise broken_off(f"is not {decoded} bytes long")
    if sent is not None and not payload.is_chunked:
        return sent
    if may_be_absent and not request.can_read_body:
        return 0
    name = _DECODED_LENGTH if payload.is_chunked else "Content-Length"
    raise S3Error("MissingContentLength", f"you must provide the {name} HTTP header")


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

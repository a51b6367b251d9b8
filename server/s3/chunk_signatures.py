"""Verifies the signatures of a stream's chunks and of its trailer.

Each chunk is signed together with the signature before it, the first with that of the
request, so that none can be left out, moved or changed. Takes the heads of the chunks
from `aws_chunked.py`, and their data as one of the sums of an upload, beside its ingest:
data of an unverified chunk may be cut and hashed, but nothing may name it before `check`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import deque
from collections.abc import Mapping

from ..auth.authenticate import Verified
from .aws_chunked import TRAILER_SIGNATURE
from .errors import S3Error

_CHUNK_WORDS = "AWS4-HMAC-SHA256-PAYLOAD"
_TRAILER_WORDS = "AWS4-HMAC-SHA256-TRAILER"
_SHA256_OF_NOTHING = hashlib.sha256().hexdigest()


class ChunkSignatures:
    """The signatures of one stream."""

    def __init__(self, verified: Verified) -> None:
        """Verify the chunks of the request `verified`, with its key."""
        self._key = verified.signing_key
        self._stamp = f"{verified.claim.time}\n{verified.claim.scope}"
        self._last = verified.claim.signature
        self._heads: deque[tuple[int, str]] = deque()
        """Of chunks that are not verified yet. Heads come in one thread while data goes
        in another: each only appends, or only takes."""
        self._hash = hashlib.sha256()
        self._hashed_bytes = 0

    def expect(self, size_bytes: int, signature: str) -> None:
        """Take the head of the next chunk, before its data."""
        self._heads.append((size_bytes, signature))

    def update(self, data: bytes | memoryview, /) -> None:
        """Take the next data.

        Raises:
            S3Error: a chunk is not signed as it should be.
        """
        view = memoryview(data)
        while len(view):
            size_bytes, signature = self._heads[0]
            piece = view[: size_bytes - self._hashed_bytes]
            view = view[len(piece) :]
            self._hash.update(piece)
            self._hashed_bytes += len(piece)
            if self._hashed_bytes == size_bytes:
                self._heads.popleft()
                self._check_chunk(self._hash.hexdigest(), signature)
                self._hash = hashlib.sha256()
                self._hashed_bytes = 0

    def check(self, trailers: Mapping[str, str]) -> None:
        """Return if the last chunk and the trailer, if it is signed, are right, too.

        Raises:
            S3Error: they are not.
        """
        ((size_bytes, signature),) = self._heads
        assert not size_bytes
        self._check_chunk(_SHA256_OF_NOTHING, signature)
        given = trailers.get(TRAILER_SIGNATURE)
        if given is None:
            return
        lines = [
            f"{name}:{value}\n"
            for name, value in trailers.items()
            if name != TRAILER_SIGNATURE
        ]
        text = "".join(lines) or "\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        self._compare(f"{_TRAILER_WORDS}\n{self._stamp}\n{self._last}\n{digest}", given)

    def _check_chunk(self, digest: str, signature: str) -> None:
        self._compare(
            f"{_CHUNK_WORDS}\n{self._stamp}\n{self._last}\n{_SHA256_OF_NOTHING}\n{digest}",
            signature,
        )
        self._last = signature

    def _compare(self, text: str, given: str) -> None:
        expected = hmac.digest(self._key, text.encode(), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise S3Error(
                "SignatureDoesNotMatch",
                "the signature we calculated for a chunk or the trailer does not match "
                "the signature you provided: check your key and signing method",
            )

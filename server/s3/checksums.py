"""What a client says its bytes sum up to, beside MD5 and SHA-256 of the signature.

At most one `x-amz-checksum-*` header a request. CRC32, SHA-1 and SHA-256 are computed
as the bytes come; the kinds that need a native library are refused, because to pass
over a checksum would be to claim that it was right.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from dataclasses import dataclass
from typing import Protocol

from ..auth.sigv4 import Headers
from .errors import S3Error

_PREFIX = "x-amz-checksum-"
_ALGORITHM_HEADER = "x-amz-sdk-checksum-algorithm"
_SIZES = {"crc32": 4, "sha1": 20, "sha256": 32}
_NOT_SUMS = frozenset({"mode", "algorithm", "type"})


class _Sum(Protocol):
    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc32:
    def __init__(self) -> None:
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = zlib.crc32(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(4, "big")


def _start(algorithm: str) -> _Sum:
    match algorithm:
        case "crc32":
            return _Crc32()
        case "sha1":
            return hashlib.sha1(usedforsecurity=False)
        case _:
            return hashlib.sha256()


@dataclass(frozen=True, slots=True)
class Checksum:
    """A checksum that the client gave, and the one that is being computed."""

    algorithm: str
    value: str
    """As the client wrote it: base64."""
    _digest: bytes
    _sum: _Sum

    @classmethod
    def read(cls, headers: Headers) -> Checksum | None:
        """Return the checksum in `headers`, or None.

        Raises:
            S3Error: there are several, it is malformed, or of a kind that we cannot
                compute.
        """
        found = [
            (name.lower().removeprefix(_PREFIX), value)
            for name, value in headers.items()
            if name.lower().startswith(_PREFIX)
        ]
        given = [pair for pair in found if pair[0] not in _NOT_SUMS]
        named = headers.get(_ALGORITHM_HEADER)
        if not given:
            if named is not None:
                raise S3Error(
                    "InvalidRequest",
                    f"{_ALGORITHM_HEADER} specified, but no corresponding "
                    f"{_PREFIX}* header was found",
                )
            return None
        if len(given) > 1:
            raise S3Error(
                "InvalidRequest", f"expecting a single {_PREFIX} header, not several"
            )
        ((algorithm, value),) = given
        if named is not None and named.lower() != algorithm:
            raise S3Error(
                "InvalidRequest",
                f"{_ALGORITHM_HEADER} does not agree with the {_PREFIX}{algorithm} "
                "header",
            )
        if algorithm not in _SIZES:
            raise S3Error(
                "NotImplemented",
                f"checksums of the kind '{algorithm[:40]}' are not implemented yet",
                Header=f"{_PREFIX}{algorithm[:40]}",
            )
        try:
            digest = base64.b64decode(value.strip(), validate=True)
        except (ValueError, binascii.Error):
            digest = b""
        if len(digest) != _SIZES[algorithm]:
            raise S3Error(
                "InvalidRequest",
                f"value for {_PREFIX}{algorithm} header is invalid",
            )
        return cls(algorithm, value.strip(), digest, _start(algorithm))

    @property
    def header(self) -> tuple[str, str]:
        """The header that says it."""
        return f"{_PREFIX}{self.algorithm}", self.value

    def update(self, data: bytes) -> None:
        """Take the next bytes."""
        self._sum.update(data)

    def check(self) -> None:
        """Return if the bytes sum up to what the client says.

        Raises:
            S3Error: they do not.
        """
        if self._sum.digest() != self._digest:
            raise S3Error(
                "BadDigest",
                f"the {self.algorithm.upper()} you specified did not match the "
                "calculated checksum",
            )

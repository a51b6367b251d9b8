"""Checksums as S3 has them: beside MD5 for the ETag and SHA-256 for the signature.

    Algorithm        how bytes are summed up, with the names and sizes that S3 has for it
    Checksum         what a client says of the bytes it sends
    StoredChecksum   what an entry keeps of it, and what is given back
    combine_full     the checksum of a whole from those of its parts, without its bytes
    composite        the checksum of the checksums of parts

All sums are native code that gives up the interpreter lock for large pieces. The layout
of what is stored is `docs/format/entry.md`; change both.

Source: AWS, "Checking object integrity for data uploads in Amazon S3".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Literal, Protocol, Self

import xxhash

from ..auth.sigv4 import Headers
from ..chunks.digests import Sum
from ..errors import CorruptDataError
from ..tree.canonical import Value, pack, unpack
from . import native_sums as native
from .errors import S3Error

PREFIX = "x-amz-checksum-"
NAMED_HEADER = "x-amz-sdk-checksum-algorithm"
TRAILER_HEADER = "x-amz-trailer"

Kind = Literal["FULL_OBJECT", "COMPOSITE"]

_FIELD = "checksum"
"""Name of the checksum in the `checksums` field of an entry."""


class RunningSum(Sum, Protocol):
    """A checksum that is being computed."""

    def digest(self) -> bytes:
        """Return the checksum of the bytes so far."""
        ...


class _Crc:
    """A CRC, over a function that goes on from the CRC of the bytes before."""

    __slots__ = ("_function", "_size_bytes", "_value")

    def __init__(self, function: Callable[..., int], size_bytes: int) -> None:
        self._function = function
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


_SIZES = {
    "CRC32": 4,
    "CRC32C": 4,
    "CRC64NVME": 8,
    "SHA1": 20,
    "SHA256": 32,
    "SHA512": 64,
    "MD5": 16,
    "XXHASH64": 8,
    "XXHASH3": 8,
    "XXHASH128": 16,
}


class Algorithm(Enum):
    """A kind of checksum; the value is S3's name for it."""

    CRC32 = "CRC32"
    CRC32C = "CRC32C"
    CRC64NVME = "CRC64NVME"
    SHA1 = "SHA1"
    SHA256 = "SHA256"
    SHA512 = "SHA512"
    MD5 = "MD5"
    XXHASH64 = "XXHASH64"
    XXHASH3 = "XXHASH3"
    XXHASH128 = "XXHASH128"

    def __init__(self, name: str) -> None:
        self.header = PREFIX + name.lower()
        """The header, or trailer, that has its value."""
        self.size_bytes = _SIZES[name]
        """Of the digest."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the algorithm that a client names `text`, in either case.

        Raises:
            S3Error: there is none.
        """
        try:
            return cls(text.strip().upper())
        except ValueError:
            raise S3Error(
                "InvalidRequest",
                f"checksum algorithm '{text[:40]}' is not supported: use one of "
                f"{', '.join(each.value for each in cls)}",
            ) from None

    @property
    def has_full(self) -> bool:
        """Whether the checksum of a whole follows from those of its parts."""
        return self in _COMBINERS

    @property
    def has_composite(self) -> bool:
        """Whether S3 has a checksum of the checksums of parts."""
        return self is not Algorithm.CRC64NVME

    def start(self) -> RunningSum:
        """Return a checksum of no bytes yet."""
        return _STARTERS[self]()

    def compute(self, data: bytes) -> bytes:
        """Return the checksum of `data`."""
        running = self.start()
        running.update(data)
        return running.digest()

    def read(self, text: str) -> bytes:
        """Return the digest that `text` says in base64.

        Raises:
            S3Error: it is no base64, or not of the size of this algorithm.
        """
        try:
            digest = base64.b64decode(text.strip(), validate=True)
        except (ValueError, binascii.Error):
            digest = b""
        if len(digest) != self.size_bytes:
            raise S3Error(
                "InvalidRequest", f"value for {self.header} header is invalid"
            )
        return digest


_STARTERS: Mapping[Algorithm, Callable[[], RunningSum]] = {
    # 3.9 GB/s on the machine of the benchmarks; that of awscrt 2.8.
    Algorithm.CRC32: lambda: _Crc(zlib.crc32, 4),
    Algorithm.CRC32C: lambda: _Crc(native.crc32c, 4),
    Algorithm.CRC64NVME: lambda: _Crc(native.crc64nvme, 8),
    Algorithm.SHA1: lambda: hashlib.sha1(usedforsecurity=False),
    Algorithm.SHA256: hashlib.sha256,
    Algorithm.SHA512: hashlib.sha512,
    Algorithm.MD5: lambda: hashlib.md5(usedforsecurity=False),
    Algorithm.XXHASH64: xxhash.xxh64,
    Algorithm.XXHASH3: xxhash.xxh3_64,
    Algorithm.XXHASH128: xxhash.xxh3_128,
}
_COMBINERS: Mapping[Algorithm, Callable[[int, int, int], int]] = {
    Algorithm.CRC32: native.combine_crc32,
    Algorithm.CRC32C: native.combine_crc32c,
    Algorithm.CRC64NVME: native.combine_crc64nvme,
}
_BY_HEADER = {each.header: each for each in Algorithm}
VALUE_HEADERS = frozenset(_BY_HEADER)
"""The headers, and trailers, that have the value of a checksum."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a client says that its bytes sum up to."""

    algorithm: Algorithm
    digest: bytes | None
    """None: it comes in the trailer of the body."""

    @classmethod
    def read(cls, headers: Headers) -> Checksum | None:
        """Return the checksum that `headers` give or announce, or None.

        Raises:
            S3Error: there are several, it is malformed, or of a kind that S3 has not;
                the announcement of an algorithm disagrees with the rest; a trailer is
                announced that is no checksum.
        """
        given, is_announced = _find_names(tuple(headers))
        if not given and not is_announced:
            return None
        trailers = _read_trailer_names(headers)
        found = [name for name in given for _ in headers.getall(name)] + trailers
        if len(found) > 1:
            raise S3Error(
                "InvalidRequest",
                f"expecting a single {PREFIX} header: several checksums were given",
            )
        named = headers.get(NAMED_HEADER)
        if not found:
            if named is None:
                return None
            raise S3Error(
                "InvalidRequest",
                f"{NAMED_HEADER} specified, but no corresponding {PREFIX}* or "
                f"{TRAILER_HEADER} headers were found",
            )
        algorithm = _BY_HEADER.get(found[0])
        if algorithm is None:
            raise S3Error(
                "InvalidRequest", f"checksum header '{found[0][:80]}' is not supported"
            )
        if named is not None and Algorithm.parse(named) is not algorithm:
            raise S3Error(
                "InvalidRequest",
                f"value for {NAMED_HEADER} header is invalid: it does not agree with "
                f"the {algorithm.header} header",
            )
        digest = None if trailers else algorithm.read(headers[found[0]])
        return cls(algorithm, digest)

    def verify(self, computed: bytes, trailers: Mapping[str, str]) -> StoredChecksum:
        """Return what to keep, if the bytes sum up to what the client says.

        Raises:
            S3Error: they do not; or the value in `trailers` is malformed.
        """
        digest = self.digest
        if digest is None:
            digest = self.algorithm.read(trailers[self.algorithm.header])
        if computed != digest:
            raise S3Error(
                "BadDigest",
                f"the {self.algorithm.value} you specified did not match the "
                "calculated checksum",
            )
        return StoredChecksum(self.algorithm, digest)


@lru_cache(maxsize=256)
def _find_names(names: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
    """Return those of the headers `names` that give checksums; whether any announces."""
    lowered = dict.fromkeys(name.lower() for name in names)
    given = tuple(
        name
        for name in lowered
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in _NO_SUMS
    )
    return given, NAMED_HEADER in lowered or TRAILER_HEADER in lowered


_NO_SUMS = frozenset({"algorithm", "mode", "type"})


def _read_trailer_names(headers: Headers) -> list[str]:
    """Return the names of the announced trailers.

    Raises:
        S3Error: one of them is no checksum.
    """
    values = headers.getall(TRAILER_HEADER, ())
    names = [name.strip().lower() for value in values for name in value.split(",")]
    for name in names:
        if name not in VALUE_HEADERS:
            raise S3Error(
                "InvalidRequest",
                f"the value specified in the {TRAILER_HEADER} header is not supported: "
                f"'{name[:80]}'",
            )
    return names


@dataclass(frozen=True, slots=True)
class StoredChecksum:
    """The checksum of an object, as its entry keeps it."""

    algorithm: Algorithm
    digest: bytes
    part_count: int = 0
    """Parts whose checksums are summed up in it; 0: it is that of the whole object."""

    def __post_init__(self) -> None:
        if len(self.digest) != self.algorithm.size_bytes or self.part_count < 0:
            raise ValueError(f"not a {self.algorithm.value}: {self.digest.hex()}")

    @property
    def kind(self) -> Kind:
        """What S3 calls its type."""
        return "COMPOSITE" if self.part_count else "FULL_OBJECT"

    @property
    def header(self) -> str:
        """The name of the header that gives it back."""
        return self.algorithm.header

    @property
    def text(self) -> str:
        """The value of that header."""
        text = base64.b64encode(self.digest).decode()
        return f"{text}-{self.part_count}" if self.part_count else text

    def headers(self) -> dict[str, str]:
        """Return the headers of an answer that gives it back."""
        return {self.header: self.text, "x-amz-checksum-type": self.kind}

    def value(self) -> tuple[str, Value]:
        """Return name and value of it in the `checksums` field of an entry."""
        return _FIELD, (self.algorithm.value, self.digest, self.part_count)

    def encode(self) -> bytes:
        """Return the `checksums` field of an entry that has nothing else in it."""
        return encode_field(dict([self.value()]))

    @classmethod
    def decode(cls, data: bytes) -> StoredChecksum | None:
        """Return the checksum in the `checksums` field of an entry; None if none is.

        Raises:
            CorruptDataError: `data` is not what `encode_field` makes.
        """
        value = decode_field(data).get(_FIELD) if data else None
        if value is None:
            return None
        try:
            match value:
                case (str(name), bytes(digest), int(part_count)):
                    return cls(Algorithm(name), digest, part_count)
                case _:
                    raise ValueError
        except ValueError:
            raise CorruptDataError(f"malformed checksum: {value!r}") from None


def encode_field(values: Mapping[str, Value]) -> bytes:
    """Return the canonical bytes of the named `values`, none if there are none."""
    return pack(sorted(values.items())) if values else b""


def decode_field(data: bytes) -> dict[str, Value]:
    """Return the named values in the `checksums` field of an entry.

    Raises:
        CorruptDataError: `data` is not what `encode_field` makes.
    """
    if not data:
        return {}
    values: dict[str, Value] = {}
    try:
        pairs = unpack(data)
        if not isinstance(pairs, tuple):
            raise ValueError
        for pair in pairs:
            match pair:
                case (str(name), value):
                    values[name] = value
                case _:
                    raise ValueError
        if encode_field(values) != data:
            raise ValueError
    except (ValueError, TypeError):
        raise CorruptDataError("checksums of an entry do not decode") from None
    return values


def combine_full(algorithm: Algorithm, parts: Sequence[tuple[bytes, int]]) -> bytes:
    """Return the checksum of the whole of `parts`, digests and sizes in bytes, in order.

    Costs less than a microsecond a part.

    Raises:
        ValueError: `algorithm` cannot; see `Algorithm.has_full`.
    """
    combine = _COMBINERS.get(algorithm)
    if combine is None:
        raise ValueError(f"{algorithm.value} of a whole does not follow from its parts")
    crc = 0  # that of no bytes
    for digest, size_bytes in parts:
        crc = combine(crc, int.from_bytes(digest, "big"), size_bytes)
    return crc.to_bytes(algorithm.size_bytes, "big")


def composite(algorithm: Algorithm, digests: Sequence[bytes]) -> bytes:
    """Return the checksum of the checksums of parts, in order.

    Raises:
        ValueError: S3 has none of that kind; see `Algorithm.has_composite`.
    """
    if not algorithm.has_composite:
        raise ValueError(f"{algorithm.value} has no composite form")
    return algorithm.compute(b"".join(digests))

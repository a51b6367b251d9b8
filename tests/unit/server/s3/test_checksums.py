"""Checksums against known values, slow polynomials, and each other."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import CorruptDataError
from lakebed.server.s3.checksums import (
    Algorithm,
    Checksum,
    StoredChecksum,
    combine_full,
    composite,
    decode_field,
    encode_field,
)
from lakebed.server.s3.errors import S3Error
from multidict import CIMultiDict

GOLDEN = Path(__file__).parents[3] / "golden" / "checksums-v1.json"

CHECK = b"123456789"
KNOWN = {
    # The check values of the catalogue of CRCs, and the digests of the RFCs.
    Algorithm.CRC32: "cbf43926",
    Algorithm.CRC32C: "e3069283",
    Algorithm.CRC64NVME: "ae8b14860a799888",
    Algorithm.MD5: "25f9e794323b453885f5181f1b624d0b",
    Algorithm.SHA1: "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    Algorithm.SHA256: (
        "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"
    ),
    Algorithm.XXHASH64: "8cb841db40e6ae83",
}
POLYNOMIALS = {
    Algorithm.CRC32: (32, 0xEDB88320),
    Algorithm.CRC32C: (32, 0x82F63B78),
    Algorithm.CRC64NVME: (64, 0x9A6C9329AC4BC9B5),
}
"""Width and polynomial, bits reversed."""

EMPTY = {
    Algorithm.SHA512: (
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
        "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
    ),
    Algorithm.XXHASH64: "ef46db3751d8e999",
    Algorithm.XXHASH3: "2d06800538d394c2",
    Algorithm.XXHASH128: "99aa06d3014798d86001c324468d497f",
}

algorithms = st.sampled_from(list(Algorithm))
parts = st.lists(st.binary(max_size=200), max_size=8)


def slow_crc(algorithm: Algorithm, data: bytes) -> bytes:
    """Divide by the polynomial bit by bit: nothing to get wrong."""
    width, polynomial = POLYNOMIALS[algorithm]
    ones = (1 << width) - 1
    crc = ones
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (polynomial if crc & 1 else 0)
    return (crc ^ ones).to_bytes(width // 8, "big")


@pytest.mark.parametrize("algorithm", KNOWN)
def test_known_values(algorithm: Algorithm) -> None:
    assert algorithm.compute(CHECK).hex() == KNOWN[algorithm]


@pytest.mark.parametrize("algorithm", EMPTY)
def test_known_values_of_nothing(algorithm: Algorithm) -> None:
    assert algorithm.compute(b"").hex() == EMPTY[algorithm]


@given(algorithm=st.sampled_from(list(POLYNOMIALS)), data=st.binary(max_size=300))
def test_crcs_are_those_of_their_polynomials(algorithm: Algorithm, data: bytes) -> None:
    assert algorithm.compute(data) == slow_crc(algorithm, data)


@given(algorithm=algorithms, pieces=parts)
def test_pieces_sum_up_like_the_whole(
    algorithm: Algorithm, pieces: list[bytes]
) -> None:
    running = algorithm.start()
    for piece in pieces:
        running.update(memoryview(piece))

    assert running.digest() == algorithm.compute(b"".join(pieces))
    assert len(running.digest()) == algorithm.size_bytes


@given(algorithm=st.sampled_from(list(POLYNOMIALS)), pieces=parts)
def test_parts_combine_to_the_checksum_of_the_whole(
    algorithm: Algorithm, pieces: list[bytes]
) -> None:
    summed = [(algorithm.compute(piece), len(piece)) for piece in pieces]

    assert combine_full(algorithm, summed) == algorithm.compute(b"".join(pieces))


@pytest.mark.parametrize("algorithm", list(POLYNOMIALS))
def test_parts_of_any_size_combine(algorithm: Algorithm) -> None:
    """Sizes of terabytes, which nobody computes: in pairs, or one after the other."""
    quarter = algorithm.compute(bytes(2**20))
    whole = combine_full(algorithm, [(quarter, 2**20)] * 4)

    assert whole == algorithm.compute(bytes(2**22))
    tebibytes = [(whole, 2**40)] * 4
    one_by_one = combine_full(algorithm, tebibytes)
    pair = combine_full(algorithm, tebibytes[:2])
    assert combine_full(algorithm, [(pair, 2**41)] * 2) == one_by_one


@given(pieces=parts)
def test_a_composite_is_the_checksum_of_checksums(pieces: list[bytes]) -> None:
    for algorithm in Algorithm:
        digests = [algorithm.compute(piece) for piece in pieces]
        if algorithm.has_composite:
            expected = algorithm.compute(b"".join(digests))
            assert composite(algorithm, digests) == expected
        else:
            with pytest.raises(ValueError, match="no composite"):
                composite(algorithm, digests)


def test_hashes_do_not_combine() -> None:
    with pytest.raises(ValueError, match="SHA1"):
        combine_full(Algorithm.SHA1, [])


# --- what is stored -------------------------------------------------------------------


@st.composite
def stored_checksums(draw: st.DrawFn) -> StoredChecksum:
    algorithm = draw(algorithms)
    size = algorithm.size_bytes
    digest = draw(st.binary(min_size=size, max_size=size))
    return StoredChecksum(algorithm, digest, draw(st.integers(0, 10_000)))


@given(stored=stored_checksums())
def test_stored_checksums_round_trip(stored: StoredChecksum) -> None:
    assert StoredChecksum.decode(stored.encode()) == stored


@given(stored=stored_checksums(), other=st.binary(max_size=40))
def test_other_values_fit_beside_a_checksum(
    stored: StoredChecksum, other: bytes
) -> None:
    both = encode_field({"parts": other, **dict([stored.value()])})

    assert StoredChecksum.decode(both) == stored
    assert decode_field(both)["parts"] == other
    assert StoredChecksum.decode(encode_field({"parts": other})) is None


def test_nothing_is_stored_as_nothing() -> None:
    assert encode_field({}) == b""
    assert decode_field(b"") == {}
    assert StoredChecksum.decode(b"") is None


@given(noise=st.binary())
def test_noise_decodes_or_is_corrupt_but_never_crashes(noise: bytes) -> None:
    with suppress(CorruptDataError):
        StoredChecksum.decode(noise)


@pytest.mark.parametrize(
    "value",
    [
        "text",
        ("CRC32", b"1234"),
        ("CRC31", b"1234", 0),
        ("CRC32", b"123", 0),
        ("CRC32", b"1234", -1),
    ],
)
def test_malformed_checksums_are_corrupt(value: object) -> None:
    with pytest.raises(CorruptDataError):
        StoredChecksum.decode(encode_field({"checksum": value}))  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]


def test_pairs_that_are_out_of_order_are_corrupt() -> None:
    ordered = encode_field({"a": b"1", "b": b"2"})
    pairs = ordered[:1] + ordered[6:] + ordered[1:6]

    with pytest.raises(CorruptDataError):
        decode_field(pairs)


def test_stored_bytes_are_those_of_version_1() -> None:
    """A failure here means that checksums of existing entries can no longer be read."""
    golden = cast("dict[str, str]", json.loads(GOLDEN.read_text()))

    for algorithm in Algorithm:
        digest = algorithm.compute(CHECK)
        for part_count in (0, 3):
            stored = StoredChecksum(algorithm, digest, part_count)
            data = bytes.fromhex(golden[f"{algorithm.value} {part_count}"])
            assert stored.encode() == data
            assert StoredChecksum.decode(data) == stored


def test_a_checksum_says_itself_in_headers() -> None:
    digest = Algorithm.CRC32.compute(CHECK)

    assert StoredChecksum(Algorithm.CRC32, digest).headers() == {
        "x-amz-checksum-crc32": "y/Q5Jg==",
        "x-amz-checksum-type": "FULL_OBJECT",
    }
    assert StoredChecksum(Algorithm.CRC32, digest, 7).headers() == {
        "x-amz-checksum-crc32": "y/Q5Jg==-7",
        "x-amz-checksum-type": "COMPOSITE",
    }


# --- what a client says ---------------------------------------------------------------


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_headers_give_a_checksum_of_each_kind(algorithm: Algorithm) -> None:
    digest = algorithm.compute(CHECK)
    text = base64.b64encode(digest).decode()
    name = f"X-Amz-Checksum-{algorithm.value}"

    read = Checksum.read(CIMultiDict({name: text}))
    named = Checksum.read(
        CIMultiDict({name: text, "x-amz-sdk-checksum-algorithm": algorithm.value})
    )

    assert read == named == Checksum(algorithm, digest)
    assert read is not None
    assert read.verify(digest, {}) == StoredChecksum(algorithm, digest)
    with pytest.raises(S3Error, match="did not match") as caught:
        read.verify(bytes(len(digest)), {})
    assert caught.value.code == "BadDigest"


def test_a_trailer_announces_a_checksum() -> None:
    headers = CIMultiDict({"X-Amz-Trailer": "x-amz-checksum-CRC64NVME"})

    read = Checksum.read(headers)

    assert read == Checksum(Algorithm.CRC64NVME, None)
    assert read is not None
    trailers = {"x-amz-checksum-crc64nvme": "AAAAAAAAAAA="}
    assert read.verify(bytes(8), trailers).digest == bytes(8)
    with pytest.raises(S3Error, match="did not match"):
        read.verify(bytes(7) + b"1", trailers)
    with pytest.raises(S3Error, match="header is invalid"):
        read.verify(bytes(8), {"x-amz-checksum-crc64nvme": "AAAAAA=="})


def test_no_checksum_is_none() -> None:
    for headers in ({}, {"x-amz-checksum-mode": "ENABLED"}):
        assert Checksum.read(CIMultiDict(headers)) is None


CRC32 = "x-amz-checksum-crc32"


@pytest.mark.parametrize(
    "pairs",
    [
        [(CRC32, "AAAA")],
        [(CRC32, "AAAAAA=")],
        [(CRC32, "")],
        [(CRC32, "!!!!!!==")],
        [(CRC32, "AAAAAA=="), (CRC32, "AAAAAA==")],
        [(CRC32, "AAAAAA=="), ("x-amz-checksum-crc32c", "AAAAAA==")],
        [(CRC32, "AAAAAA=="), ("x-amz-trailer", CRC32)],
        [("x-amz-trailer", f"{CRC32},x-amz-checksum-sha1")],
        [("x-amz-trailer", CRC32), ("x-amz-trailer", CRC32)],
        [("x-amz-trailer", "")],
        [("x-amz-trailer", "x-amz-meta-a")],
        [("x-amz-trailer", "content-md5")],
        [("x-amz-checksum-crc31", "AAAAAA==")],
        [("x-amz-sdk-checksum-algorithm", "CRC32")],
        [(CRC32, "AAAAAA=="), ("x-amz-sdk-checksum-algorithm", "CRC32C")],
        [(CRC32, "AAAAAA=="), ("x-amz-sdk-checksum-algorithm", "CRC31")],
        [("x-amz-trailer", CRC32), ("x-amz-sdk-checksum-algorithm", "SHA1")],
    ],
)
def test_checksums_that_cannot_be_right_are_refused(
    pairs: list[tuple[str, str]],
) -> None:
    with pytest.raises(S3Error) as caught:
        Checksum.read(CIMultiDict(pairs))

    assert (caught.value.code, caught.value.status) == ("InvalidRequest", 400)

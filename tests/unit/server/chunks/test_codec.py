"""Payloads come back as they were, and nothing is compressed for nothing."""

from __future__ import annotations

import threading

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.chunks import codec
from lakebed.server.chunks.codec import Codec, decode, encode, encode_with_base
from lakebed.server.errors import CorruptDataError

from support.blobs import random_bytes

TEXT = b"species,island,bill_length_mm\n" * 20_000


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=40).map(lambda b: b * 30)))
def test_any_bytes_come_back(data: bytes) -> None:
    number, stored = encode(data)

    assert decode(number, bytes(stored), len(data)) == data
    assert len(stored) <= len(data)


@pytest.mark.parametrize("size", [64, 1000, 65_535, 65_536, 65_537, 1_000_000])
def test_compressible_bytes_shrink_at_any_size(size: int) -> None:
    data = (TEXT * 2)[:size]

    number, stored = encode(data)

    assert number is Codec.ZSTD
    assert len(stored) < size * 0.95
    assert decode(number, bytes(stored), size) == data


@pytest.mark.parametrize("size", [0, 1, 63, 64, 1000, 65_536, 1_000_000])
def test_random_bytes_stay_plain(size: int) -> None:
    data = random_bytes(size)

    assert encode(data) == (Codec.PLAIN, data)


def test_a_saving_under_five_per_cent_is_not_taken() -> None:
    data = random_bytes(960) + bytes(40)

    assert encode(data)[0] is Codec.PLAIN


def test_media_costs_a_probe_only(monkeypatch: pytest.MonkeyPatch) -> None:
    compressed: list[int] = []

    class Counting:
        def compress(self, data: bytes) -> bytes:
            compressed.append(len(data))
            return zstandard.ZstdCompressor(level=1).compress(data)

    monkeypatch.setattr(codec._engines, "compressor", Counting())  # pyright: ignore

    encode(random_bytes(1_000_000))

    assert compressed == [32 * 1024]


def test_a_compressible_header_does_not_fool_the_probe() -> None:
    data = bytes(9_000) + random_bytes(991_000)

    assert encode(data)[0] is Codec.PLAIN


def test_a_base_chunk_serves_as_dictionary() -> None:
    base = random_bytes(100_000)
    data = base[:50_000] + b"a change" + base[50_000:]

    stored = encode_with_base(data, base)

    assert len(stored) < 1_000
    assert decode(Codec.ZSTD_BASE, stored, len(data), base) == data


def test_a_base_that_looks_like_a_trained_dictionary_is_plain_content() -> None:
    base = b"\x37\xa4\x30\xec" + random_bytes(10_000)

    stored = encode_with_base(base, base)

    assert decode(Codec.ZSTD_BASE, stored, len(base), base) == base


@pytest.mark.parametrize(
    ("number", "stored"),
    [
        (Codec.PLAIN, b"123456"),
        (Codec.ZSTD, b""),
        (Codec.ZSTD, b"not zstd at all"),
        (Codec.ZSTD, zstandard.compress(b"1234")),
        (Codec.ZSTD, zstandard.compress(b"123456")),
        (Codec.ZSTD, zstandard.compress(b"12345") + b"x"),
        (Codec.ZSTD_BASE, zstandard.compress(b"12345")),
        (3, b"12345"),
        (255, b"12345"),
    ],
)
def test_a_payload_that_is_not_its_five_bytes_is_damage(
    number: int, stored: bytes
) -> None:
    with pytest.raises(CorruptDataError):
        decode(number, stored, 5)


def test_a_payload_that_claims_to_be_huge_allocates_nothing() -> None:
    """A frame may declare 2^63 bytes; believing it would end the process."""
    lie = b"\x28\xb5\x2f\xfd\xe0" + (2**62).to_bytes(8, "little") + b"\x01\x00\x00"

    with pytest.raises(CorruptDataError, match="another size"):
        decode(Codec.ZSTD, lie, 5)


def test_threads_do_not_share_a_context() -> None:
    wrong: list[int] = []

    def work(seed: int) -> None:
        for _ in range(100):
            data = TEXT[seed : seed + 20_000]
            number, stored = encode(data)
            if decode(number, bytes(stored), len(data)) != data:
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []

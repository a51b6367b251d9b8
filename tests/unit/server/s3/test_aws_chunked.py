"""The framing of streams: whatever the pieces, and nothing but what it should be."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from lakebed.server.auth.authenticate import Verified
from lakebed.server.auth.principal import ANONYMOUS
from lakebed.server.auth.scope import Scope
from lakebed.server.auth.secrets import AccessKey
from lakebed.server.auth.sigv4 import Claim, derive_key
from lakebed.server.s3.aws_chunked import (
    LINE_BYTES_MAX,
    SIGNED_CHUNK_BYTES_MIN,
    SMALL_CHUNKS_MAX,
    TRAILER_SIGNATURE,
    ChunkedDecoder,
)
from lakebed.server.s3.chunk_signatures import ChunkSignatures
from lakebed.server.s3.errors import S3Error

from support.s3raw import Signer, frame

SIGNER = Signer(AccessKey("KEY", "long-secret"))
SEED = "ab" * 32
CRC = "x-amz-checksum-crc32"

pieces_of_data = st.lists(st.binary(min_size=1, max_size=400), max_size=6)
splits = st.lists(st.integers(0, 10_000), max_size=12)


def verified() -> Verified:
    date, region, service, _ = SIGNER.scope.split("/")
    scope = Scope(date, region, service)
    claim = Claim("KEY", scope, SIGNER.time, (), SEED, "", None)
    return Verified(ANONYMOUS, claim, SIGNER.derived)


def cut(data: bytes, at: list[int]) -> list[bytes]:
    edges = [0, *sorted(min(each, len(data)) for each in at), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


def decode(
    fed: list[bytes],
    size_bytes: int,
    *,
    trailer_names: frozenset[str] = frozenset(),
    signed: bool = False,
) -> tuple[bytes, dict[str, str]]:
    """Return data and trailers, as a server does it."""
    signatures = ChunkSignatures(verified()) if signed else None
    decoder = ChunkedDecoder(
        size_bytes,
        on_head=signatures.expect if signatures else None,
        trailer_names=trailer_names,
    )
    data = b""
    for each in fed:
        got = decoder.feed(each)
        if signatures:
            signatures.update(got)
        data += got
    decoder.finish()
    if signatures:
        signatures.check(decoder.trailers)
    return data, decoder.trailers


@given(pieces=pieces_of_data, at=splits, with_trailer=st.booleans())
@example(pieces=[], at=[], with_trailer=False)
def test_any_chunks_in_any_feeds_give_the_data_again(
    pieces: list[bytes], at: list[int], with_trailer: bool
) -> None:
    data = b"".join(pieces)
    trailers = {CRC: "AAAAAA=="} if with_trailer else {}
    framed = b"".join(frame(pieces, trailers=trailers))

    got = decode(cut(framed, at), len(data), trailer_names=frozenset(trailers))

    assert got == (data, trailers)


@given(
    sizes=st.lists(
        st.integers(SIGNED_CHUNK_BYTES_MIN, SIGNED_CHUNK_BYTES_MIN + 9), max_size=3
    ),
    last=st.integers(0, 100),
    at=splits,
    with_trailer=st.booleans(),
)
def test_signed_chunks_in_any_feeds_give_the_data_again(
    sizes: list[int], last: int, at: list[int], with_trailer: bool
) -> None:
    pieces = [bytes([n]) * size for n, size in enumerate([*sizes, last]) if size]
    data = b"".join(pieces)
    trailers = {CRC: "AAAAAA=="} if with_trailer else {}
    framed = b"".join(
        frame(
            pieces,
            signer=SIGNER,
            seed=SEED,
            trailers=trailers,
            sign_trailer=with_trailer,
        )
    )
    names = frozenset({CRC, TRAILER_SIGNATURE}) if with_trailer else frozenset[str]()

    got, read = decode(cut(framed, at), len(data), trailer_names=names, signed=True)

    assert got == data
    assert read.get(CRC) == trailers.get(CRC)


SIGNED = frame(
    [b"a" * SIGNED_CHUNK_BYTES_MIN, b"bcd"],
    signer=SIGNER,
    seed=SEED,
    trailers={CRC: "AAAAAA=="},
    sign_trailer=True,
)
SIGNED_NAMES = frozenset({CRC, TRAILER_SIGNATURE})


def is_same_meaning(was: int, now: int, place: bytes) -> bool:
    """Tell whether a byte changed its case where case has no meaning."""
    insensitive = place.startswith(b"x-amz-") or b";chunk-signature" in place
    return insensitive and chr(was).lower() == chr(now).lower()


@settings(max_examples=500)
@given(where=st.integers(0), change=st.integers(1, 255))
def test_no_byte_of_a_signed_stream_can_be_changed(where: int, change: int) -> None:
    """Half of the changes go to the framing, of which there is less."""
    framing = [n for n, item in enumerate(SIGNED) if not item.startswith(b"a")]
    items = list(SIGNED)
    if where % 2:
        number = framing[where // 2 % len(framing)]
        at = where // 64 % len(items[number])
    else:
        number, at = 1, where // 2 % len(items[1])
    item = bytearray(items[number])
    was = item[at]
    item[at] ^= change
    items[number] = bytes(item)
    size = SIGNED_CHUNK_BYTES_MIN + 3

    with suppress(S3Error):
        decode([b"".join(items)], size, trailer_names=SIGNED_NAMES, signed=True)
        assert is_same_meaning(was, item[at], SIGNED[number]), (SIGNED[number], at)


@given(start=st.integers(0), length=st.integers(1, 200))
def test_nothing_can_be_left_out_of_a_signed_stream(start: int, length: int) -> None:
    stream = b"".join(SIGNED)
    start %= len(stream)
    shortened = stream[:start] + stream[start + length :]
    size = SIGNED_CHUNK_BYTES_MIN + 3

    with pytest.raises(S3Error):
        decode([shortened], size, trailer_names=SIGNED_NAMES, signed=True)


def test_chunks_cannot_change_places() -> None:
    size = SIGNED_CHUNK_BYTES_MIN
    items = frame([b"a" * size, b"b" * size], signer=SIGNER, seed=SEED)
    swapped = items[3:6] + items[:3] + items[6:]

    assert decode([b"".join(items)], 2 * size, signed=True)[0].endswith(b"b")
    with pytest.raises(S3Error) as caught:
        decode([b"".join(swapped)], 2 * size, signed=True)
    assert caught.value.code == "SignatureDoesNotMatch"


@given(data=st.binary(max_size=400), at=splits)
def test_noise_is_refused_but_never_crashes(data: bytes, at: list[int]) -> None:
    for signed in (False, True):
        with suppress(S3Error):
            decode(cut(data, at), 5, signed=signed)


BROKEN = {
    "nothing": (b"", "IncompleteBody"),
    "no last chunk": (b"5\r\nhello\r\n", "IncompleteBody"),
    "last chunk without its end": (b"5\r\nhello\r\n0\r\n", "IncompleteBody"),
    "data cut off": (b"5\r\nhel", "IncompleteBody"),
    "too little": (b"4\r\nhell\r\n0\r\n\r\n", "IncompleteBody"),
    "too much": (b"6\r\nhello!\r\n0\r\n\r\n", "IncompleteBody"),
    "one more chunk": (b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "IncompleteBody"),
    "more after the end": (b"5\r\nhello\r\n0\r\n\r\n0\r\n\r\n", "IncompleteBody"),
    "chunk larger than said": (b"5\r\nhello!\r\n0\r\n\r\n", "IncompleteBody"),
    "chunk smaller than said": (b"5\r\nhell\r\n0\r\n\r\n", "IncompleteBody"),
    "huge": (b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "more digits than any": (b"00000000000000005\r\nhello\r\n0\r\n\r\n", None),
    "negative": (b"-5\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "plus": (b"+5\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "0x": (b"0x5\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "underscore": (b"0_5\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "space": (b" 5\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "no hex": (b"g\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "empty head": (b"\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "other digits": ("٥\r\nhello\r\n0\r\n\r\n".encode(), "IncompleteBody"),
    "extension": (b"5;a=b\r\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "line feed alone": (b"5\nhello\r\n0\r\n\r\n", "IncompleteBody"),
    "carriage return alone": (b"5\rhello\r\n0\r\n\r\n", "IncompleteBody"),
    "no end of data": (b"5\r\nhello0\r\n\r\n", "IncompleteBody"),
    "trailer not announced": (
        b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",
        "MalformedTrailerError",
    ),
    "no trailer": (b"5\r\nhello\r\n0\r\njunk\r\n\r\n", "MalformedTrailerError"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_framing_is_refused(name: str) -> None:
    body, code = BROKEN[name]
    for fed in ([body], [body[n : n + 1] for n in range(len(body))]):
        with pytest.raises(S3Error) as caught:
            decode(fed, 5)
        assert caught.value.code == (code or "IncompleteBody")


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["x-amz-checksum-crc32c:AAAAAA=="],
        ["x-amz-checksum-crc32:AAAAAA==", "x-amz-checksum-crc32:AAAAAA=="],
        ["x-amz-checksum-crc32:AAAAAA==", "x-amz-meta-a:b"],
        ["x-amz-checksum-crc32=AAAAAA=="],
        ["x-amz-checksum-crc32:AAA AAA=="],
        [" x-amz-checksum-crc32:AAAAAA=="],
        ["x-amz-checksum-crc32 :AAAAAA=="],
        [":AAAAAA=="],
    ],
)
def test_trailers_are_what_was_announced(lines: list[str]) -> None:
    text = "".join(f"{line}\r\n" for line in ["1", "x", "0", *lines, ""])
    with pytest.raises(S3Error) as caught:
        decode([text.encode()], 1, trailer_names=frozenset({CRC}))
    assert caught.value.code == "MalformedTrailerError"


def test_nothing_comes_after_the_signature_of_trailers() -> None:
    items = [*SIGNED]
    items[-3], items[-2] = items[-2], items[-3]

    with pytest.raises(S3Error) as caught:
        decode(
            items, SIGNED_CHUNK_BYTES_MIN + 3, trailer_names=SIGNED_NAMES, signed=True
        )
    assert caught.value.code == "MalformedTrailerError"


def test_lines_that_do_not_end_are_not_kept() -> None:
    decoder = ChunkedDecoder(5)

    for _ in range(LINE_BYTES_MAX - 1):
        assert decoder.feed(b"5") == b""
    with pytest.raises(S3Error, match="overlong"):
        decoder.feed(b"5")


def test_small_chunks_are_not_without_end() -> None:
    few = frame([b"x"] * (SMALL_CHUNKS_MAX - 1))
    many = frame([b"x"] * (SMALL_CHUNKS_MAX + 1))

    assert len(decode([b"".join(few)], SMALL_CHUNKS_MAX - 1)[0]) == SMALL_CHUNKS_MAX - 1
    with pytest.raises(S3Error, match="send larger ones"):
        decode([b"".join(many)], SMALL_CHUNKS_MAX + 1)


def test_small_chunks_are_signed_only_at_the_end() -> None:
    framed = frame([b"a" * 100, b"b"], signer=SIGNER, seed=SEED)

    with pytest.raises(S3Error) as caught:
        decode(framed, 101, signed=True)
    assert (caught.value.code, caught.value.status) == ("InvalidChunkSizeError", 403)


def test_a_head_without_signature_is_no_head_of_a_signed_stream() -> None:
    with pytest.raises(S3Error) as caught:
        decode(frame([b"hello"]), 5, signed=True)
    assert caught.value.code == "IncompleteBody"


def test_the_stream_of_the_documentation_is_right() -> None:
    """AWS's own example, with the signatures that AWS computed."""
    key = AccessKey("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    signer = Signer(key)
    signer.time = "20130524T000000Z"
    claim = Claim(
        key.id,
        Scope("20130524", "us-east-1", "s3"),
        signer.time,
        (),
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
        "",
        None,
    )
    signatures = ChunkSignatures(
        Verified(ANONYMOUS, claim, derive_key(key.secret, claim.scope))
    )
    for size, signature in [
        (65536, "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (1024, "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (0, "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ]:
        signatures.expect(size, signature)

    signatures.update(b"a" * 66560)
    signatures.check({})

"""Where the parts of an object lie, kept in few bytes; and the checksum of an upload."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from contextlib import suppress
from itertools import accumulate
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import CorruptDataError
from lakebed.server.httprules.ranges import ByteRange
from lakebed.server.repository.upload_store import Part
from lakebed.server.s3.checksums import Algorithm, StoredChecksum
from lakebed.server.s3.errors import S3Error
from lakebed.server.s3.part_layout import PartLayout, encode_with_layout
from lakebed.server.s3.upload_checksum import UploadChecksum, sum_up
from lakebed.server.tree.entry import EXTRA_BYTES_MAX
from multidict import CIMultiDict

GOLDEN = Path(__file__).parents[3] / "golden" / "part-layout-v1.json"

sizes_of_parts = st.lists(
    st.sampled_from([0, 1, 5, 8 * 1024 * 1024]) | st.integers(0, 2**40),
    min_size=1,
    max_size=50,
)


def field(sizes: list[int], bytes_max: int = EXTRA_BYTES_MAX) -> bytes:
    return encode_with_layout({}, PartLayout.of(sizes), bytes_max)


@given(sizes=sizes_of_parts)
def test_each_part_lies_behind_the_one_before(sizes: list[int]) -> None:
    layout = PartLayout.decode(field(sizes))

    assert layout is not None
    stops = list(accumulate(sizes))
    assert [layout.find(number) for number in range(1, len(sizes) + 1)] == [
        ByteRange(stop - size, stop) for stop, size in zip(stops, sizes, strict=True)
    ]
    assert layout.find(len(sizes) + 1) is None


def test_ten_thousand_parts_of_one_size_take_a_few_bytes() -> None:
    data = field([8 * 1024 * 1024] * 9_999 + [17])

    assert len(data) < 32


def test_a_layout_that_is_too_large_is_left_out_and_the_checksum_stays() -> None:
    checksum = StoredChecksum(Algorithm.CRC32, bytes(4))
    sizes = [5_000_000 + number for number in range(10_000)]

    data = encode_with_layout(
        dict([checksum.value()]), PartLayout.of(sizes), EXTRA_BYTES_MAX
    )

    assert PartLayout.decode(data) is None
    assert StoredChecksum.decode(data) == checksum


def test_checksum_and_layout_share_the_field() -> None:
    checksum = StoredChecksum(Algorithm.SHA256, bytes(32), 2)

    data = encode_with_layout(
        dict([checksum.value()]), PartLayout.of([5, 3]), EXTRA_BYTES_MAX
    )

    assert PartLayout.decode(data) == PartLayout(((5, 1), (3, 1)))
    assert StoredChecksum.decode(data) == checksum


def test_layouts_are_those_of_format_1() -> None:
    golden = cast("dict[str, str]", json.loads(GOLDEN.read_text()))

    for name, sizes in {
        "8 MiB twice, 17": [8 * 1024 * 1024] * 2 + [17],
        "0": [0],
        "5 GiB": [5 * 1024**3],
    }.items():
        data = bytes.fromhex(golden[name])
        assert field(sizes) == data
        assert PartLayout.decode(data) == PartLayout.of(sizes)


@given(noise=st.binary(max_size=40))
def test_noise_is_a_layout_or_damage(noise: bytes) -> None:
    with suppress(CorruptDataError):
        PartLayout.decode(noise)


def part(body: bytes, algorithm: Algorithm | None, number: int = 1) -> Part:
    checksum = b""
    if algorithm is not None:
        checksum = StoredChecksum(algorithm, algorithm.compute(body)).encode()
    return Part(number, hashlib.md5(body).digest(), len(body), checksum, 0)


def asked(algorithm: str, kind: str | None = None) -> UploadChecksum | None:
    headers = CIMultiDict({"x-amz-checksum-algorithm": algorithm})
    if kind is not None:
        headers["x-amz-checksum-type"] = kind
    return UploadChecksum.read(headers)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "COMPOSITE"),
        ("CRC32C", "COMPOSITE"),
        ("CRC64NVME", "FULL_OBJECT"),
        ("SHA1", "COMPOSITE"),
        ("sha256", "COMPOSITE"),
    ],
)
def test_each_algorithm_has_its_usual_kind(algorithm: str, kind: str) -> None:
    checksum = asked(algorithm)

    assert checksum is not None
    assert checksum.kind == kind
    assert UploadChecksum.parse(str(checksum)) == checksum


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")],
)
def test_kinds_that_an_algorithm_has_not_are_refused(algorithm: str, kind: str) -> None:
    with pytest.raises(S3Error) as caught:
        asked(algorithm, kind)
    assert caught.value.code == "InvalidRequest"


def test_a_composite_checksum_is_the_checksum_of_the_digests() -> None:
    bodies = [b"one", b"two"]
    parts = [part(body, Algorithm.SHA256) for body in bodies]

    checksum = sum_up(asked("SHA256"), parts)

    digests = b"".join(hashlib.sha256(body).digest() for body in bodies)
    expected = base64.b64encode(hashlib.sha256(digests).digest()).decode()
    assert checksum is not None
    assert (checksum.text, checksum.kind) == (f"{expected}-2", "COMPOSITE")


@pytest.mark.parametrize("upload", [None, asked("CRC32", "FULL_OBJECT")])
def test_a_full_checksum_is_that_of_all_bytes(upload: UploadChecksum | None) -> None:
    """Also without having been asked for: Arrow sends one with each part."""
    parts = [part(body, Algorithm.CRC32) for body in (b"12345", b"", b"6789")]

    checksum = sum_up(upload, parts)

    assert checksum is not None
    assert checksum.digest == zlib.crc32(b"123456789").to_bytes(4, "big")
    assert checksum.kind == "FULL_OBJECT"


@pytest.mark.parametrize(
    "algorithms",
    [
        (Algorithm.CRC32, None),
        (None, None),
        (Algorithm.CRC32, Algorithm.CRC32C),
        (Algorithm.SHA1, Algorithm.SHA1),
    ],
)
def test_what_does_not_sum_up_has_no_checksum(
    algorithms: tuple[Algorithm | None, ...],
) -> None:
    parts = [part(b"x", algorithm) for algorithm in algorithms]

    assert sum_up(None, parts) is None

"""A pack can be read without the index, and no damage to it goes unseen."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lakebed.server.chunks.codec import Codec, encode_with_base
from lakebed.server.chunks.index import Frame, StoredFrame
from lakebed.server.chunks.pack import (
    HEADER_BYTES,
    FooterBuilder,
    FrameHeader,
    encode_frame_header,
    encode_pack_header,
)
from lakebed.server.chunks.scanning import PackEnd, PackScan, PackTail, iter_pack_index
from lakebed.server.errors import CorruptDataError, MissingDataError
from lakebed.server.ids import ChunkId, Kind, hash_chunk
from lakebed.server.storage.memory import MemoryPackStorage
from lakebed.server.storage.store import new_pack_name
from xxhash import xxh3_64_intdigest

from support.blobs import SmallLake, chunk, node, random_bytes

FRAMES = [
    chunk(b"first chunk"),
    node(b"a node " * 40),
    chunk(b""),
    node(b"second node"),
    chunk(random_bytes(300)),
]


def no_base(base: ChunkId) -> bytes:
    raise AssertionError(f"no frame here has the base {base.hex()}")


def one_pack(frames: list[Frame], *, sealed: bool) -> tuple[SmallLake, str]:
    """Return a lake with one pack of `frames`, and its name."""
    lake = SmallLake()
    lake.index.record(lake.appender.append(frames))
    lake.appender.sync()
    if sealed:
        lake.appender.close()
    return lake, next(iter(lake.memory.names()))


def scan_index(lake: SmallLake, name: str) -> tuple[list[StoredFrame], PackTail]:
    scan = PackScan(lake.memory, name)
    frames = list(scan.iter_index())
    assert scan.tail is not None
    return frames, scan.tail


def scan_verified(lake: SmallLake, name: str) -> tuple[list[StoredFrame], PackTail]:
    scan = PackScan(lake.memory, name)
    frames = list(scan.iter_verified(no_base))
    assert scan.tail is not None
    return frames, scan.tail


@pytest.mark.parametrize("sealed", [True, False])
@settings(max_examples=30)
@given(st.lists(st.binary(max_size=500).map(chunk), min_size=1, max_size=30))
def test_a_scan_finds_what_was_appended(sealed: bool, frames: list[Frame]) -> None:
    lake = SmallLake()
    stored = lake.appender.append(frames)
    if sealed:
        lake.appender.close()

    found, tail = scan_verified(lake, stored[0].location.pack)
    indexed, index_tail = scan_index(lake, stored[0].location.pack)

    assert found == stored
    assert sorted(indexed, key=repr) == sorted(stored, key=repr)
    assert tail == index_tail
    assert tail.end is (PackEnd.SEALED if sealed else PackEnd.OPEN)


def test_a_footer_lists_frames_in_order_of_id() -> None:
    lake, name = one_pack(FRAMES, sealed=True)

    ids = [frame.id for frame in iter_pack_index(lake.memory, name)]

    assert ids == sorted(frame.id for frame in FRAMES)


def test_a_footer_is_read_without_the_payloads() -> None:
    lake, name = one_pack(FRAMES, sealed=True)
    lake.memory.damage(name, HEADER_BYTES + 70)

    assert len(scan_index(lake, name)[0]) == len(FRAMES)


@pytest.mark.parametrize("sealed", [True, False])
def test_damage_to_any_byte_is_seen(sealed: bool) -> None:
    lake, name = one_pack(FRAMES, sealed=sealed)
    expected = scan_verified(lake, name)
    unseen: list[int] = []

    for offset in range(lake.memory.size_bytes(name)):
        for flip in (0x01, 0x80):
            lake.memory.damage(name, offset, flip)
            try:
                if scan_verified(lake, name) == expected:
                    unseen.append(offset)
            except CorruptDataError:
                pass
            lake.memory.damage(name, offset, flip)

    assert unseen == []
    assert scan_verified(lake, name) == expected


def test_damage_in_a_sealed_pack_is_never_taken_for_a_torn_tail() -> None:
    lake, name = one_pack(FRAMES, sealed=True)
    frames_end = scan_index(lake, name)[1].frames_end

    for offset in range(HEADER_BYTES, frames_end):
        lake.memory.damage(name, offset)
        with pytest.raises(CorruptDataError):
            scan_verified(lake, name)
        lake.memory.damage(name, offset)


def test_a_torn_tail_ends_the_scan_at_the_last_whole_frame() -> None:
    lake, name = one_pack(FRAMES, sealed=True)
    whole, tail = scan_verified(lake, name)
    ends = [at.location.offset + at.location.stored_bytes for at in whole]
    size = lake.memory.size_bytes(name)

    for cut in range(size - 1, HEADER_BYTES - 1, -1):
        lake.memory.truncate(name, cut)

        frames, torn = scan_index(lake, name)

        expected = [f for f, end in zip(whole, ends, strict=True) if end <= cut]
        assert frames == expected
        assert torn.frames_end == max([HEADER_BYTES, *(e for e in ends if e <= cut)])
        at_an_edge = cut in {HEADER_BYTES, *ends}
        assert torn.end is (PackEnd.OPEN if at_an_edge else PackEnd.TORN)
        assert bool(torn.detail) is not at_an_edge
    assert tail.end is PackEnd.SEALED


def test_a_tail_of_zeros_is_torn() -> None:
    """What a file system may leave of appends that were never synced."""
    lake, name = one_pack(FRAMES, sealed=False)
    whole, tail = scan_index(lake, name)
    file = MemoryPackStorage().create(name)
    file.append([lake.memory.read_blocking(name, 0, tail.frames_end), bytes(500)])
    lake.memory._packs[name] = file._pack  # pyright: ignore[reportPrivateUsage]

    frames, torn = scan_index(lake, name)

    assert frames == whole
    assert torn == PackTail(PackEnd.TORN, tail.frames_end, "no frame header")


@pytest.mark.parametrize("size", [0, 1, HEADER_BYTES - 1])
def test_a_pack_shorter_than_its_header_has_no_frames(size: int) -> None:
    lake, name = one_pack(FRAMES, sealed=True)
    lake.memory.truncate(name, size)

    assert scan_index(lake, name) == (
        [],
        PackTail(PackEnd.TORN, 0, "shorter than a pack header"),
    )
    assert scan_verified(lake, name)[0] == []


def test_an_empty_pack_is_whole() -> None:
    lake, name = SmallLake(), new_pack_name()
    file = lake.memory.create(name)
    file.append([encode_pack_header(name)])

    assert scan_index(lake, name) == ([], PackTail(PackEnd.OPEN, HEADER_BYTES))


def test_a_file_that_is_no_pack_is_damage() -> None:
    storage = MemoryPackStorage()
    name = new_pack_name()
    storage.create(name).append([b"something else entirely, and long enough"])

    with pytest.raises(CorruptDataError, match="not a pack of version 1"):
        list(iter_pack_index(storage, name))


def test_a_pack_under_the_name_of_another_is_damage() -> None:
    storage = MemoryPackStorage()
    name, other = new_pack_name(), new_pack_name()
    storage.create(name).append([encode_pack_header(other)])

    with pytest.raises(CorruptDataError, match="another"):
        list(iter_pack_index(storage, name))


def test_a_pack_that_is_not_there_is_missing() -> None:
    with pytest.raises(MissingDataError):
        list(iter_pack_index(MemoryPackStorage(), new_pack_name()))


def test_a_pack_stored_as_an_object_does_not_confuse_a_scan() -> None:
    inner, inner_name = one_pack(FRAMES, sealed=True)
    size = inner.memory.size_bytes(inner_name)
    bytes_of_pack = inner.memory.read_blocking(inner_name, 0, size)
    lake, name = one_pack([chunk(bytes_of_pack), chunk(b"after")], sealed=False)

    frames, tail = scan_index(lake, name)

    assert [frame.id for frame in frames] == [
        hash_chunk(bytes_of_pack),
        hash_chunk(b"after"),
    ]
    assert tail.end is PackEnd.OPEN


def pack_with_base(base: bytes, data: bytes) -> tuple[SmallLake, str]:
    """Return a lake with a sealed pack of `data`, compressed with `base`."""
    lake = SmallLake()
    name = new_pack_name()
    payload = encode_with_base(data, base)

    header = FrameHeader(
        Kind.CHUNK,
        hash_chunk(data),
        Codec.ZSTD_BASE,
        len(payload),
        len(data),
        xxh3_64_intdigest(payload),
        hash_chunk(base),
    )
    file = lake.memory.create(name)
    offset = file.append([encode_pack_header(name)]) + HEADER_BYTES
    file.append([encode_frame_header(header), payload])
    footer = FooterBuilder()
    footer.add(header.located(name, offset))
    file.append([footer.build(file.size_bytes)])
    return lake, name


def test_frames_with_a_base_keep_it_in_footer_and_scan() -> None:
    base, data = random_bytes(5_000), random_bytes(5_000) + b"and a little more"
    lake, name = pack_with_base(base, data)
    bases: list[ChunkId] = []

    def read_base(id_: ChunkId) -> bytes:
        bases.append(id_)
        return base

    indexed = list(iter_pack_index(lake.memory, name))
    verified = list(PackScan(lake.memory, name).iter_verified(read_base))

    assert indexed == verified
    assert indexed[0].location.base == hash_chunk(base)
    assert bases == [hash_chunk(base)]
    assert indexed[0].location.stored_bytes < 200


def test_a_frame_whose_base_is_wrong_is_damage() -> None:
    lake, name = pack_with_base(random_bytes(5_000), random_bytes(5_000) + b"more")

    with pytest.raises(CorruptDataError):
        list(PackScan(lake.memory, name).iter_verified(lambda base: bytes(5_000)))


def test_a_scan_reads_many_small_frames_in_few_calls() -> None:
    lake, name = one_pack(
        [chunk(index.to_bytes(8, "big") * 16) for index in range(5_000)], sealed=False
    )
    reads: list[int] = []
    real_read = lake.memory.read_blocking

    def read(name: str, offset: int, size: int) -> bytes:
        reads.append(size)
        return real_read(name, offset, size)

    lake.memory.read_blocking = read  # type: ignore[method-assign]

    assert len(scan_index(lake, name)[0]) == 5_000
    assert len(reads) <= 6

"""Extras and packed entries: canonical bytes, and strict readers."""

from __future__ import annotations

from contextlib import suppress

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import CorruptDataError, MetadataTooLargeError
from lakebed.server.ids import BlobId
from lakebed.server.tree.entry import (
    EXTRA_BYTES_MAX,
    Entry,
    PackedEntry,
    equal_but_for_mtime,
    pack_entry,
    same_identity,
    unpack_entry,
)
from lakebed.server.tree.extra import Extra, decode_extra, encode_extra
from msgspec.structs import replace

texts = st.text(max_size=6)
mappings = st.dictionaries(texts, texts, max_size=3)
extras = st.builds(
    Extra,
    cache_control=texts,
    content_disposition=texts,
    content_encoding=texts,
    content_language=texts,
    content_type=texts,
    expires=texts,
    storage_class=texts,
    tags=mappings,
    user_metadata=mappings,
    website_redirect=texts,
)
entries = st.builds(
    Entry,
    path=st.just(b"a"),
    blob_id=st.binary(min_size=32, max_size=32).map(BlobId),
    size_bytes=st.integers(0, 2**64 - 1),
    mtime_ms=st.integers(-(2**63), 2**63 - 1),
    etag=st.binary(min_size=16, max_size=16),
    part_count=st.integers(0, 2**16 - 1),
    extra=extras.map(encode_extra),
    checksums=st.binary(max_size=8),
)


@given(extra=extras)
def test_extras_round_trip(extra: Extra) -> None:
    assert decode_extra(encode_extra(extra)) == extra


@given(tags=mappings)
def test_equal_extras_have_equal_bytes_whatever_their_order(
    tags: dict[str, str],
) -> None:
    backwards = dict(reversed(tags.items()))

    assert encode_extra(Extra(tags=tags)) == encode_extra(Extra(tags=backwards))


def test_nothing_is_no_bytes() -> None:
    assert encode_extra(Extra()) == b""
    assert decode_extra(b"") == Extra()


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [["content_type", ""]],
        [["content_type", b"x"]],
        [["unknown", "x"]],
        [["tags", "x"]],
        [["content_type", [["a", "b"]]]],
        [["storage_class", "x"], ["content_type", "x"]],
        [["content_type", "x"], ["content_type", "x"]],
        [["tags", [["b", "1"], ["a", "1"]]]],
        [["tags", [["a", "1"], ["a", "1"]]]],
        {"content_type": "x"},
        7,
    ],
)
def test_extras_in_another_form_are_corrupt(pairs: object) -> None:
    with pytest.raises(CorruptDataError):
        decode_extra(msgpack.packb(pairs))


@given(noise=st.binary(min_size=1, max_size=60))
def test_noise_is_canonical_or_corrupt_but_never_crashes(noise: bytes) -> None:
    with suppress(CorruptDataError):
        assert encode_extra(decode_extra(noise)) == noise


@given(entry=entries)
def test_entries_round_trip(entry: Entry) -> None:
    assert unpack_entry(b"a", pack_entry(entry)) == entry


@given(entry=entries)
def test_times_etags_and_checksums_are_no_part_of_the_identity(entry: Entry) -> None:
    packed = pack_entry(entry)
    other = replace(
        entry, mtime_ms=5, etag=bytes(16), part_count=9, checksums=b"\x01\x02"
    )

    assert same_identity(packed, pack_entry(other))
    assert not same_identity(
        packed, pack_entry(replace(entry, blob_id=BlobId(b"x" * 32)))
    )
    assert not same_identity(
        packed, pack_entry(replace(entry, extra=entry.extra + b"x"))
    )


@given(entry=entries, mtime_ms=st.integers(0, 2**40))
def test_a_new_time_alone_is_an_idempotent_upload(entry: Entry, mtime_ms: int) -> None:
    packed = pack_entry(entry)

    assert equal_but_for_mtime(packed, pack_entry(replace(entry, mtime_ms=mtime_ms)))
    assert not equal_but_for_mtime(
        packed, pack_entry(replace(entry, checksums=entry.checksums + b"x"))
    )


def test_extras_over_the_limit_are_refused() -> None:
    entry = Entry(b"a", BlobId(bytes(32)), 0, 0, bytes(16))
    half = bytes(EXTRA_BYTES_MAX // 2)

    assert pack_entry(replace(entry, extra=half, checksums=half))
    with pytest.raises(MetadataTooLargeError):
        pack_entry(replace(entry, extra=half, checksums=half + b"x"))


@pytest.mark.parametrize("tail", [b"\xc1", b"\x92\xc4\x00", b"\x91\xc4\x00", b"\x00"])
def test_a_packed_entry_with_another_tail_is_corrupt(tail: bytes) -> None:
    with pytest.raises(CorruptDataError):
        unpack_entry(b"a", PackedEntry(bytes(66) + tail))
    with pytest.raises(CorruptDataError):
        unpack_entry(b"a", PackedEntry(bytes(65)))

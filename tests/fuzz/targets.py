"""Every parser of stored bytes and of S3 requests, as a function that takes any bytes.

A target returns, or raises one of the errors that are deliberate. Whatever else comes out
of it is a defect. Where what was read can be written again, it must be the same bytes.
"""

from __future__ import annotations

import base64
import json
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lakebed.client.wire import WireError
from lakebed.client.wire.bundle import (
    HEAD_BYTES,
    BundleIndex,
    BundleRow,
    decode_head,
    decode_index,
    encode_bundle,
    md5_of_content,
)
from lakebed.server.auth.sigv4 import read_claim
from lakebed.server.auth.target import Target as RequestTarget
from lakebed.server.chunks.checking import PackCheck
from lakebed.server.chunks.codec import Codec
from lakebed.server.chunks.codec import decode as decode_payload
from lakebed.server.chunks.codec import encode as encode_payload
from lakebed.server.chunks.pack import (
    FooterBuilder,
    FrameHeader,
    Trailer,
    decode_footer,
    decode_frame_header,
    decode_trailer,
    encode_frame_header,
    encode_pack_header,
)
from lakebed.server.chunks.pieces import decode_pieces, encode_pieces, whole_chunk
from lakebed.server.chunks.recipe import decode_recipe, encode_recipe
from lakebed.server.chunks.scanning import PackScan
from lakebed.server.errors import CorruptDataError, LakeError
from lakebed.server.history.commit import decode_commit, make_commit
from lakebed.server.httprules.ranges import parse_range
from lakebed.server.ids import ChunkId, ContentId, Kind, NodeId, hash_chunk
from lakebed.server.refs.expression import parse_expression
from lakebed.server.runs.points import Points, decode_points, encode_points
from lakebed.server.runs.record import (
    RunRecord,
    decode_record,
    encode_record,
)
from lakebed.server.runs.statuses import Status
from lakebed.server.s3.aws_chunked import ChunkedDecoder
from lakebed.server.s3.copy_source import CopySource
from lakebed.server.s3.errors import S3Error
from lakebed.server.s3.page_token import PageToken
from lakebed.server.s3.part_layout import PartLayout
from lakebed.server.s3.post_policy import PostPolicy
from lakebed.server.s3.tagging import parse_tags
from lakebed.server.s3.xml_input import read_document
from lakebed.server.storage.memory import MemoryPackStorage
from lakebed.server.tree.codec import decode_node, encode_node
from lakebed.server.tree.entry import PackedEntry, unpack_entry
from lakebed.server.tree.extra import Extra, decode_extra, encode_extra
from lakebed.server.tree.node import make_leaf
from multidict import CIMultiDict
from xxhash import xxh3_64_intdigest

from support.trees import numbered

STORED: tuple[type[Exception], ...] = (CorruptDataError,)
"""What stored bytes may be refused with."""
ASKED: tuple[type[Exception], ...] = (LakeError, S3Error, WireError)
"""What a request may be refused with."""

_NAME = "0" * 32


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """A parser."""

    run: Callable[[bytes], object]
    refuses: tuple[type[Exception], ...]
    seeds: tuple[bytes, ...]
    """Right ones, to begin with."""


def _as_text(parse: Callable[[str], object]) -> Callable[[bytes], object]:
    return lambda data: parse(data.decode("utf-8", "surrogateescape"))


def _again(decode: Callable[[bytes], bytes]) -> Callable[[bytes], object]:
    """Return what checks that bytes which are taken are those that would be written."""

    def run(data: bytes) -> None:
        assert decode(data) == data, "it was read, and would not be written like this"

    return run


# --- stored bytes ---------------------------------------------------------------------


def _make_frame(data: bytes) -> bytes:
    header = FrameHeader(
        Kind.CHUNK,
        hash_chunk(data),
        Codec.PLAIN,
        len(data),
        len(data),
        xxh3_64_intdigest(data),
    )
    return encode_frame_header(header) + data


def _make_pack() -> bytes:
    data = encode_pack_header(_NAME)
    footer = FooterBuilder()
    for number in range(3):
        frame = _make_frame(b"frame %d" % number)
        footer.add(decode_frame_header(frame).located(_NAME, len(data)))
        data += frame
    return data + footer.build(len(data))


def _scan_pack(data: bytes) -> None:
    """Read a pack in both ways; what the strict one gives the other gives too."""
    storage = MemoryPackStorage()
    storage.create(_NAME).append([data])
    check = PackCheck(storage, _NAME, None)
    checked = {one.stored.id for one in check.iter_frames() if not one.reason}
    scan = PackScan(storage, _NAME)

    def no_base(base: ChunkId) -> bytes:
        raise CorruptDataError(base.hex())

    strict = {one.id for one in scan.iter_verified(no_base)}
    assert strict <= checked


def _footer(data: bytes) -> None:
    """Read a footer that passes its check, whatever is in it."""
    located = (32).to_bytes(8, "little") + len(data).to_bytes(8, "little")
    decode_footer(
        _NAME, data, Trailer(32, len(data), xxh3_64_intdigest(data + located))
    )


def _footer_seed() -> bytes:
    pack = _make_pack()
    trailer = decode_trailer(pack[-32:])
    assert trailer is not None
    return pack[trailer.footer_offset : -32]


def _leaf_seed() -> bytes:
    rows = numbered(3)
    leaf = make_leaf([path for path, _ in rows], [entry for _, entry in rows])
    return encode_node(leaf).data


def _recipe(data: bytes) -> bytes:
    recipe = decode_recipe(data)
    rows = [recipe.row(at) for at in range(len(recipe))]
    ids = b"".join(row.id for row in rows)
    return encode_recipe(
        recipe.level, ids, array("Q", (row.size_bytes for row in rows))
    )


def _commit_seed() -> bytes:
    return make_commit(
        tree_id=NodeId(bytes(32)),
        content_id=ContentId(bytes(32)),
        parents=(),
        committer="ann",
        message="text",
        created_ms=1,
        metadata={"key": "value"},
    )[1]


def _run_seed() -> bytes:
    record = RunRecord(
        id="ab" * 16,
        repository="repo",
        experiment="",
        status=Status.SUCCEEDED,
        user="ann",
        host="",
        started_ms=0,
        ended_ms=1,
        exit_code=0,
        parent=None,
        rerun_of=None,
        grade="",
        parts={"code": {"files": [1, 2.5, None, True, "x"]}},
        params={"rate": 0.1, "name": "x"},
    )
    return encode_record(record)


_TEXT = b"all work and no play " * 20

PARSERS_OF_STORED_BYTES: Mapping[str, Fuzzed] = {
    "pack": Fuzzed(_scan_pack, STORED, (_make_pack(), _make_pack()[:-40])),
    "frame": Fuzzed(decode_frame_header, STORED, (_make_frame(b"x"),)),
    "trailer": Fuzzed(decode_trailer, (), (_make_pack()[-32:],)),
    "footer": Fuzzed(_footer, STORED, (_footer_seed(),)),
    "payload": Fuzzed(
        lambda data: decode_payload(Codec.ZSTD, data, len(_TEXT)),
        STORED,
        (bytes(encode_payload(_TEXT)[1]),),
    ),
    "node": Fuzzed(
        _again(lambda data: encode_node(decode_node(data)).data),
        STORED,
        (_leaf_seed(),),
    ),
    "entry": Fuzzed(
        lambda data: unpack_entry(b"path", PackedEntry(data)),
        STORED,
        (numbered(1)[0][1], bytes(66) + b"\x92\xc4\x00\xc4\x01a"),
    ),
    "extra": Fuzzed(
        _again(lambda data: encode_extra(decode_extra(data))),
        STORED,
        (encode_extra(Extra(content_type="text/plain", user_metadata={"a": "b"})),),
    ),
    "part layout": Fuzzed(
        PartLayout.decode, STORED, (b"\x91\x92\xa5parts\x91\x92\x05\x01",)
    ),
    "recipe": Fuzzed(
        _recipe, STORED, (encode_recipe(0, bytes(64), array("Q", [5, 9])),)
    ),
    "pieces": Fuzzed(
        _again(lambda data: encode_pieces(decode_pieces(data))),
        STORED,
        (encode_pieces([whole_chunk(hash_chunk(b"x"), 1, is_last=True)]),),
    ),
    "commit": Fuzzed(decode_commit, STORED, (_commit_seed(),)),
    "run": Fuzzed(decode_record, STORED, (_run_seed(),)),
    "points": Fuzzed(
        decode_points, STORED, (encode_points(Points([1, 2], [3, 4], [0.5, 1.5])),)
    ),
}

# --- requests -------------------------------------------------------------------------


def _chunked(data: bytes) -> None:
    decoder = ChunkedDecoder(5, trailer_names=frozenset({"x-amz-checksum-crc32"}))
    half = len(data) // 2
    decoder.feed(data[:half])
    decoder.feed(data[half:])
    decoder.finish()


def _signature(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    raw, _, header = text.partition("\n")
    headers = CIMultiDict(
        {
            "Authorization": header,
            "x-amz-date": "20261124T000000Z",
            "x-amz-content-sha256": "UNSIGNED-PAYLOAD",
        }
    )
    read_claim(
        RequestTarget.parse(raw),
        headers if header else CIMultiDict[str](),
        services=("s3",),
        regions=("us-east-1",),
    )


_POLICY = {
    "expiration": "2026-11-24T12:00:00Z",
    "conditions": [
        {"bucket": "b"},
        ["starts-with", "$key", "a/"],
        ["content-length-range", 0, 9],
    ],
}
_SIGNED = (
    b"/bucket/key?x=%20y\nAWS4-HMAC-SHA256 Credential=KEY/20261124/us-east-1/s3/aws4_request, "
    b"SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64
)
_PRESIGNED = (
    b"/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=KEY%2F20261124%2F"
    b"us-east-1%2Fs3%2Faws4_request&X-Amz-Date=20261124T000000Z&X-Amz-Expires=60"
    b"&X-Amz-SignedHeaders=host&X-Amz-Signature=" + b"0" * 64
)

_BUNDLE = encode_bundle(
    BundleIndex(rows=[BundleRow(path="a", size_bytes=0, md5=md5_of_content(b""))]), []
)

PARSERS_OF_REQUESTS: Mapping[str, Fuzzed] = {
    "target": Fuzzed(
        _as_text(RequestTarget.parse), ASKED, (b"/bucket/a%20key?prefix=a%2Fb&x",)
    ),
    "signature": Fuzzed(_signature, ASKED, (_SIGNED, _PRESIGNED)),
    "aws-chunked": Fuzzed(
        _chunked, ASKED, (b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n",)
    ),
    "xml": Fuzzed(
        lambda data: read_document(data, "Delete"),
        ASKED,
        (b"<Delete><Object><Key>a</Key></Object><Quiet>true</Quiet></Delete>",),
    ),
    "tags": Fuzzed(
        parse_tags,
        ASKED,
        (
            b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
        ),
    ),
    "copy source": Fuzzed(
        _as_text(CopySource.parse), ASKED, (b"/bucket/main/a%20b?versionId=null",)
    ),
    "post policy": Fuzzed(
        _as_text(PostPolicy.parse),
        ASKED,
        (base64.b64encode(json.dumps(_POLICY).encode()),),
    ),
    "post policy inside": Fuzzed(
        lambda data: PostPolicy.parse(base64.b64encode(data).decode()),
        ASKED,
        (json.dumps(_POLICY).encode(),),
    ),
    "page token": Fuzzed(
        _as_text(PageToken.decode), ASKED, (PageToken("a/b").encode().encode(),)
    ),
    "range": Fuzzed(
        _as_text(lambda text: parse_range(text, 1000)),
        ASKED,
        (b"bytes=0-99", b"bytes=-5", b"bytes=990-"),
    ),
    "ref": Fuzzed(
        _as_text(parse_expression), ASKED, (b"main~2^1", b"main@{2026-11-01T12:00Z}")
    ),
    "bundle head": Fuzzed(decode_head, ASKED, (_BUNDLE,)),
    "bundle index": Fuzzed(decode_index, ASKED, (_BUNDLE[HEAD_BYTES:],)),
}

PARSERS: Mapping[str, Fuzzed] = {**PARSERS_OF_STORED_BYTES, **PARSERS_OF_REQUESTS}


def run_one(parser: Fuzzed, data: bytes) -> bool:
    """Give `data` to a parser; tell whether it took it. What is a defect is raised."""
    try:
        parser.run(data)
    except parser.refuses:
        return False
    return True

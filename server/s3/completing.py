"""CompleteMultipartUpload: the list of parts, what protects it, and the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from aiohttp import web

from ..auth.sigv4 import Headers
from ..repository.completing import (
    PART_NUMBER_MAX,
    Completed,
    ListedPart,
    complete_upload,
)
from ..repository.upload_store import Part, Upload
from ..tree.canonical import Value
from ..tree.entry import EXTRA_BYTES_MAX
from .body import read_document_body
from .call import Call, invalid_argument
from .checksums import VALUE_HEADERS, Algorithm, Kind, StoredChecksum
from .errors import S3Error
from .multipart import parse_part_number, read_upload_name, show_target
from .part_layout import PartLayout, encode_with_layout
from .slow_answers import SlowAnswer, answer_slowly
from .upload_checksum import KIND_HEADER, UploadChecksum, read_kind, sum_up
from .writing import read_condition, read_etag
from .xml import Element
from .xml_input import DOCUMENT_BYTES_MAX, malformed, read_document

SIZE_HEADER = "x-amz-mp-object-size"
_SIZE_DIGITS_MAX = 19
_INLINE_BYTES_MAX = 32 * 1024
"""Documents up to here are read on the event loop: 200 parts, some 2 ms."""

_LAYOUT_BYTES_MAX = 2 * 1024
"""Checksum and sizes of the parts: some 280 parts of different sizes. What is left of an
entry holds all metadata and tags that S3 accepts, which may be given later."""

_ELEMENTS_MAX = 1 + PART_NUMBER_MAX * 5
"""Elements of a list of parts: each has a number, an ETag and a checksum, or two."""

_ELEMENTS = {f"Checksum{each.value}": each for each in Algorithm}


async def complete(call: Call) -> web.StreamResponse:
    """Make an object of the parts in the body; durable when this answers."""
    name = read_upload_name(call)
    condition = read_condition(call)
    claims = _Claims.read(call.request.headers)
    # Its checksum headers speak of the object, not of this document.
    body = await read_document_body(call, DOCUMENT_BYTES_MAX, has_checksum=False)
    if len(body) <= _INLINE_BYTES_MAX:
        listed = _read_parts(body)
    else:
        listed = await asyncio.to_thread(_read_parts, body)

    async def work() -> SlowAnswer:
        async with call.gateway.streams.turn():
            done = await complete_upload(
                call.engine,
                name,
                listed,
                part_bytes_min=call.gateway.settings.part_bytes_min,
                describe=partial(claims.describe, listed),
                condition=condition,
            )
        return SlowAnswer("CompleteMultipartUploadResult", _show(call, done))

    return await answer_slowly(call, work(), {"x-amz-version-id": "null"})


def _read_parts(data: bytes) -> list[ListedPart]:
    """Return the parts that a document lists.

    Raises:
        S3Error: it is no such document.
    """
    parts: list[ListedPart] = []
    document = read_document(
        data, "CompleteMultipartUpload", elements_max=_ELEMENTS_MAX
    )
    for element in document.children("Part"):
        if len(parts) == PART_NUMBER_MAX:
            raise malformed(f"it has more than {PART_NUMBER_MAX} parts")
        values: dict[str, str] = {}
        for child in element.children():
            if child.name in values:
                raise malformed(f"'{child.name[:60]}' comes twice in a part")
            values[child.name] = child.text.strip()
        number, etag = values.get("PartNumber"), values.get("ETag")
        if number is None or not etag or not number.removeprefix("-").isdigit():
            raise malformed("a part needs a 'PartNumber' and an 'ETag'")
        parts.append(
            ListedPart(
                parse_part_number("PartNumber", number),
                read_etag(etag),
                _read_checksum(values),
            )
        )
    if not parts:
        raise malformed("it must list one part or more")
    return parts


def _read_checksum(values: dict[str, str]) -> bytes | None:
    found = [
        StoredChecksum(algorithm, algorithm.read(values[element])).encode()
        for element, algorithm in _ELEMENTS.items()
        if values.get(element)
    ]
    if len(found) > 1:
        raise malformed("a part has several checksums")
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class _Claims:
    """What the client says of the whole object."""

    algorithm: Algorithm | None
    text: str
    """The checksum, as it stands in its header."""
    kind: Kind | None
    size_bytes: int | None

    @classmethod
    def read(cls, headers: Headers) -> _Claims:
        """Return what `headers` say.

        Raises:
            S3Error: they say it twice, or wrongly.
        """
        given = [name for name in VALUE_HEADERS if name in headers]
        if len(given) > 1:
            raise S3Error(
                "InvalidRequest", "expecting a single x-amz-checksum- header: several"
            )
        algorithm, text = None, ""
        if given:
            algorithm = next(each for each in Algorithm if each.header == given[0])
            text = headers[given[0]].strip()
            algorithm.read(text.partition("-")[0])  # refuses what is malformed
        size = headers.get(SIZE_HEADER)
        if size is not None and not (
            size.isascii() and size.isdigit() and len(size) <= _SIZE_DIGITS_MAX
        ):
            raise invalid_argument(SIZE_HEADER, size, "it must be a number of bytes")
        size_bytes = None if size is None else int(size)
        return cls(algorithm, text, read_kind(headers), size_bytes)

    def describe(
        self, listed: Sequence[ListedPart], upload: Upload, parts: Sequence[Part]
    ) -> bytes:
        """Return the checksums of the entry that `parts`, as they are `listed`, become.

        Raises:
            S3Error: it is not what the client says.
        """
        size_bytes = sum(part.size_bytes for part in parts)
        if self.size_bytes not in (None, size_bytes):
            raise S3Error(
                "InvalidRequest",
                f"the provided '{SIZE_HEADER}' header value {self.size_bytes} does not "
                f"match what was computed: {size_bytes}",
            )
        asked = UploadChecksum.parse(upload.checksum)
        if asked is not None and asked.kind == "COMPOSITE":
            _require_checksums(asked, listed)
        checksum = sum_up(asked, parts)
        if self.kind is not None and asked is not None and self.kind != asked.kind:
            raise S3Error(
                "InvalidRequest",
                f"the upload was created using the {asked.kind} checksum mode: the "
                f"complete request must use the same in {KIND_HEADER}",
            )
        if self.algorithm is not None:
            self._check(checksum)
        values: dict[str, Value] = {}
        if checksum is not None:
            name, value = checksum.value()
            values[name] = value
        layout = PartLayout.of([part.size_bytes for part in parts])
        bytes_max = min(_LAYOUT_BYTES_MAX, EXTRA_BYTES_MAX - len(upload.extra))
        return encode_with_layout(values, layout, bytes_max)

    def _check(self, checksum: StoredChecksum | None) -> None:
        assert self.algorithm is not None
        if checksum is None or checksum.algorithm is not self.algorithm:
            raise S3Error(
                "InvalidRequest",
                f"cannot verify the {self.algorithm.value}: the upload was not created "
                "with that checksum algorithm",
            )
        # A composite checksum may be given with or without the count of its parts.
        if self.text not in (checksum.text, checksum.text.partition("-")[0]):
            raise S3Error(
                "BadDigest",
                f"the {self.algorithm.value} you specified did not match the "
                "calculated checksum",
            )


def _require_checksums(asked: UploadChecksum, listed: Sequence[ListedPart]) -> None:
    for part in listed:
        if part.checksum is None:
            raise S3Error(
                "InvalidRequest",
                f"the upload was created using a {asked.algorithm.value.lower()} "
                "checksum. The complete request must include the checksum for each "
                f"part. It was missing for part {part.number} in the request.",
            )


def _show(call: Call, done: Completed) -> list[Element]:
    request = call.request
    path = request.raw_path.partition("?")[0]
    host = request.headers.get("Host", "")
    content: list[Element] = [
        ("Location", f"{request.scheme}://{host}{path}"),
        *show_target(call),
        ("ETag", f'"{done.etag_text}"'),
    ]
    checksum = StoredChecksum.decode(done.checksums)
    if checksum is not None:
        content += [
            (f"Checksum{checksum.algorithm.value}", checksum.text),
            ("ChecksumType", checksum.kind),
        ]
    return content

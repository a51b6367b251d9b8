"""UploadPartCopy: a range of an object becomes a part, and none of its bytes travel."""

from __future__ import annotations

import re

from aiohttp import web

from ..errors import RangeNotSatisfiableError
from ..httprules.ranges import ByteRange
from ..repository.part_copies import copy_part
from ..repository.uploads import get_upload
from .body import refuse_body
from .buckets import show_time
from .call import Call, invalid_argument
from .checksums import StoredChecksum
from .copy_source import find_source
from .errors import S3Error
from .multipart import PartSum, read_part_number, read_upload_name
from .slow_answers import SlowAnswer, answer_slowly
from .upload_checksum import UploadChecksum
from .versions import show_version
from .xml import Element

_RANGE_HEADER = "x-amz-copy-source-range"
_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})", re.ASCII)


async def copy(call: Call) -> web.StreamResponse:
    """Make the source, or a range of it, a part; durable when this answers."""
    name = read_upload_name(call)
    number = read_part_number(call)
    await refuse_body(call)
    _, located = await find_source(call)
    upload = await get_upload(call.engine, name)
    wanted = _read_range(call, located.entry.size_bytes)
    bytes_max = call.gateway.settings.put_bytes_max
    if wanted.stop - wanted.start > bytes_max:
        raise S3Error(
            "InvalidRequest",
            "the specified copy source is larger than the maximum allowable size for a "
            f"copy source: {bytes_max}",
        )
    part_sum = PartSum(UploadChecksum.parse(upload.checksum), None)

    async def work() -> SlowAnswer:
        async with call.gateway.streams.turn():
            part = await copy_part(
                call.engine,
                name,
                number,
                located,
                wanted.start,
                wanted.stop,
                sums=part_sum.sums,
                checksum=lambda: part_sum.encode(None),
            )
        content: list[Element] = [
            ("LastModified", show_time(part.created_ms)),
            ("ETag", f'"{part.md5.hex()}"'),
        ]
        stored = StoredChecksum.decode(part.checksum)
        if stored is not None:
            content.append((f"Checksum{stored.algorithm.value}", stored.text))
        return SlowAnswer("CopyPartResult", content)

    headers = {"x-amz-copy-source-version-id": show_version(located)}
    return await answer_slowly(call, work(), headers)


def _read_range(call: Call, size_bytes: int) -> ByteRange:
    """Return which bytes of the source are wanted.

    Raises:
        S3Error: the header is malformed.
        RangeNotSatisfiableError: the range goes beyond the end.
    """
    header = call.request.headers.get(_RANGE_HEADER)
    if header is None:
        return ByteRange(0, size_bytes)
    match = _RANGE.fullmatch(header.strip())
    first, last = (int(digits) for digits in match.groups()) if match else (1, 0)
    if first > last:
        raise invalid_argument(
            _RANGE_HEADER, header, "it must be 'bytes=FIRST-LAST', both included"
        )
    if last >= size_bytes:
        raise RangeNotSatisfiableError(size_bytes)
    return ByteRange(first, last + 1)

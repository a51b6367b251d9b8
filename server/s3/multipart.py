"""CreateMultipartUpload, UploadPart and AbortMultipartUpload.

`completing.py` has CompleteMultipartUpload, `part_copying.py` UploadPartCopy, and
`upload_listings.py` the two listings.
"""

from __future__ import annotations

from aiohttp import web

from ..httprules.whole import WholeAnswer
from ..repository.completing import PART_NUMBER_MAX
from ..repository.upload_store import Part
from ..repository.uploads import (
    UploadName,
    abort_upload,
    create_upload,
    get_upload,
    put_part,
)
from .address import ObjectName
from .body import Body, refuse_body
from .call import Call, invalid_argument
from .checksums import Algorithm, RunningSum, StoredChecksum
from .errors import S3Error
from .object_headers import read_extra
from .upload_checksum import UploadChecksum
from .xml import Element

_NUMBER_DIGITS_MAX = 5


async def create(call: Call) -> web.StreamResponse:
    """Begin an upload; its parts may then come to any server of the lake."""
    name = _read_path(call)
    asked = UploadChecksum.read(call.request.headers)
    extra = read_extra(call.request.headers)
    await refuse_body(call)
    upload = await create_upload(
        call.engine,
        name.repository,
        name.ref,
        name.path,
        initiator=call.verified.principal.scope,
        checksum="" if asked is None else str(asked),
        extra=extra,
    )
    content: list[Element] = [
        *show_target(call),
        ("UploadId", upload.id),
    ]
    response = call.answer_document("InitiateMultipartUploadResult", content)
    response.headers.update({} if asked is None else asked.headers())
    return response


def _read_path(call: Call) -> ObjectName:
    """Return the object that will be, or that is meant.

    Raises:
        S3Error: the key is a ref alone.
    """
    name = call.get_object_name()
    if not name.path:
        raise S3Error(
            "InvalidArgument",
            f"cannot write to '{name.ref}': write objects as 'REF/PATH'",
        )
    return name


def show_target(call: Call) -> list[Element]:
    """Return the elements that name bucket and key as the client did."""
    name = call.get_object_name()
    bucket = call.get_bucket()
    path = name.path.decode()
    ref = name.ref if call.view is None else call.view.written
    key = path if bucket.ref is not None else f"{ref}/{path}"
    return [("Bucket", bucket.name), ("Key", key)]


def read_upload_name(call: Call) -> UploadName:
    """Return the upload that a request means.

    Raises:
        S3Error: the key is a ref alone.
    """
    name = _read_path(call)
    principal = call.verified.principal
    return UploadName(
        name.repository,
        name.ref,
        name.path,
        call.parameters["uploadId"],
        None if principal.is_admin else principal.scope,
    )


def read_part_number(call: Call) -> int:
    """Return the number in the parameter `partNumber`.

    Raises:
        S3Error: there is none, or it is none of a part.
    """
    return parse_part_number("partNumber", call.parameters.get("partNumber", ""))


def parse_part_number(name: str, text: str) -> int:
    """Return the part number that `text` says.

    Raises:
        S3Error: it says none.
    """
    is_number = text.isascii() and text.isdigit() and len(text) <= _NUMBER_DIGITS_MAX
    number = int(text) if is_number else 0
    if not 1 <= number <= PART_NUMBER_MAX:
        raise invalid_argument(
            name,
            text,
            f"part number must be an integer between 1 and {PART_NUMBER_MAX}, inclusive",
        )
    return number


async def upload_part(call: Call) -> web.StreamResponse:
    """Store the body of the request as a part; durable when this answers."""
    name = read_upload_name(call)
    number = read_part_number(call)
    body = Body(call)
    settings = call.gateway.settings
    body.check_size(settings.put_bytes_max)
    upload = await get_upload(call.engine, name)
    part_sum = PartSum(UploadChecksum.parse(upload.checksum), body.algorithm)
    if body.size_bytes <= settings.small_body_bytes_max:
        data = await body.read_whole()
        part_sum.update(data)
        part = await put_part(
            call.engine,
            name,
            number,
            data,
            checksum=lambda: part_sum.encode(body.checksum),
        )
    else:
        async with call.gateway.streams.turn(call.request):
            part = await put_part(
                call.engine,
                name,
                number,
                body.iter_pieces(),
                sums=[*body.sums, *part_sum.sums],
                check=body.check,
                checksum=lambda: part_sum.encode(body.checksum),
            )
    headers = call.base_headers()
    headers["ETag"] = f'"{part.md5.hex()}"'
    headers.update(show_part_checksum(part))
    return WholeAnswer(200, headers)


class PartSum:
    """The checksum of a part of an upload: the client's, or else one of our own."""

    def __init__(self, asked: UploadChecksum | None, given: Algorithm | None) -> None:
        """Take a part with a checksum of the kind `given` for an upload of `asked`.

        Raises:
            S3Error: the upload was begun with another kind.
        """
        self._algorithm: Algorithm | None = None
        self._own: RunningSum | None = None
        if asked is not None:
            asked.check_part(given)
            if given is None:
                self._algorithm = asked.algorithm
                self._own = asked.algorithm.start()

    @property
    def sums(self) -> list[RunningSum]:
        """What takes all bytes of the part."""
        return [] if self._own is None else [self._own]

    def update(self, data: bytes) -> None:
        """Take all bytes at once."""
        for each in self.sums:
            each.update(data)

    def encode(self, given: StoredChecksum | None) -> bytes:
        """Return what is kept of it; `given` is the client's, which was checked."""
        if self._own is not None and self._algorithm is not None:
            given = StoredChecksum(self._algorithm, self._own.digest())
        return b"" if given is None else given.encode()


def show_part_checksum(part: Part) -> dict[str, str]:
    """Return the header that says the checksum of a part, if it has one."""
    stored = StoredChecksum.decode(part.checksum)
    return {} if stored is None else {stored.header: stored.text}


async def abort(call: Call) -> web.StreamResponse:
    """End an upload without an object."""
    await refuse_body(call)
    await abort_upload(call.engine, read_upload_name(call))
    return call.answer_nothing()

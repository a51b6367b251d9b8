"""Forms that browsers send: fields, and behind them a file that is read as it comes.

A form proves who sent it by one of its fields, so the fields are read before anybody was
let in: they are few and small, and the file is not touched.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import PurePosixPath

from aiohttp import BodyPartReader, ClientPayloadError, MultipartReader, hdrs, web
from aiohttp.http_exceptions import HttpProcessingError

from ..httprules.forms import FormContent, read_form
from ..httprules.receiving import Patience
from ..settings import Settings
from .body import ask_for_body
from .call import invalid_argument
from .errors import S3Error

FIELDS_BYTES_MAX = 20 * 1024
"""Names and values of all fields but the file; AWS's figure."""
FIELDS_MAX = 64
"""Fields of a form: three times as many as S3 has."""
_READ_BYTES = 64 * 1024
"""What one read of a socket gives."""
_FILE = "file"


def is_form(request: web.BaseRequest) -> bool:
    """Tell whether `request` sends what the form of a page does."""
    return request.method == "POST" and request.headers.get(
        hdrs.CONTENT_TYPE, ""
    ).lower().startswith("multipart/form-data")


class Form:
    """A form, read up to its file."""

    def __init__(self, request: web.BaseRequest, settings: Settings) -> None:
        """Read the form in the body of `request` by means of `open`."""
        self._request = request
        self._patience = Patience.of(settings, request)
        self._reader: MultipartReader | None = None
        self._content: FormContent | None = None
        self._file: BodyPartReader | None = None
        self.fields: dict[str, str] = {}
        """Values by name, in lower case: names of fields have no case."""
        self.file_name = ""
        """Of the file, without directories."""

    async def open(self) -> None:
        """Read the fields before the file.

        Raises:
            S3Error: it is no such form.
            BodyStalledError: it comes too slowly.
        """
        await ask_for_body(self._request)
        with _refuse_broken():
            self._reader, self._content = read_form(self._request)
        bytes_left = FIELDS_BYTES_MAX
        while (part := await self._next_part()) is not None:
            name = (part.name or "").lower()
            if name == _FILE:
                self._file = part
                self._content.begin_file()
                self.file_name = PurePosixPath(part.filename or "").name
                return
            bytes_left -= len(name)
            value = await self._read_value(part, bytes_left)
            bytes_left -= len(value)
            if name in self.fields:
                raise invalid_argument(name[:80], "", "the field is given twice")
            if len(self.fields) == FIELDS_MAX:
                raise _too_large()
            try:
                self.fields[name] = value.decode()
            except UnicodeDecodeError:
                raise invalid_argument(name[:80], "", "it is not UTF-8") from None
        raise S3Error(
            "InvalidArgument",
            "POST requires exactly one file upload per request: the field 'file', "
            "behind all others",
            ArgumentName=_FILE,
        )

    async def iter_file(self) -> AsyncIterator[bytes]:
        """Yield the file as it comes; fields behind it are passed over.

        Raises:
            S3Error: it broke off.
            BodyStalledError: it comes too slowly.
        """
        assert self._file is not None
        assert self._content is not None
        while not self._file.at_eof():
            piece = await self._read_some(self._file)
            if piece:
                yield piece
        self._content.end_file()
        # A body that was cut off must raise, not end.
        while await self._next_part() is not None:
            pass

    async def _read_value(self, part: BodyPartReader, bytes_max: int) -> bytes:
        value = b""
        while not part.at_eof():
            value += await self._read_some(part)
            if len(value) > bytes_max:
                raise _too_large()
        return value

    async def _next_part(self) -> BodyPartReader | None:
        assert self._reader is not None
        with _refuse_broken():
            part = await self._patience.wait(self._reader.next())
        if part is not None and not isinstance(part, BodyPartReader):
            raise _malformed("a field is a form itself")
        return part

    async def _read_some(self, part: BodyPartReader) -> bytes:
        with _refuse_broken():
            piece = await self._patience.wait(part.read_chunk(_READ_BYTES))
        return bytes(piece)


@contextmanager
def _refuse_broken() -> Generator[None]:
    """Turn what the HTTP library raises on a malformed form into an error of S3."""
    try:
        yield
    except (
        ClientPayloadError,
        HttpProcessingError,
        web.RequestPayloadError,
        ValueError,
        RuntimeError,
    ) as error:
        raise _malformed(str(error)[:200]) from error


def _malformed(why: str) -> S3Error:
    return S3Error(
        "MalformedPOSTRequest",
        f"the body of your POST request is not well-formed multipart/form-data: {why}",
    )


def _too_large() -> S3Error:
    return S3Error(
        "MaxPostPreDataLengthExceeded",
        "your POST request fields preceding the upload file were too large: at most "
        f"{FIELDS_MAX} of {FIELDS_BYTES_MAX} bytes",
    )

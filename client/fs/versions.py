"""A client that also reads parts of one version of an object."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager

from ..async_client import AsyncClient
from ..operations.reading import ByteRange, ObjectStream, open_stream
from ..transport import Call
from ..wire import routes


class VersionClient(AsyncClient):
    """The client that a file system uses."""

    def open_version(
        self,
        repository: str,
        ref: str,
        path: str,
        *,
        etag: str,
        start: int,
        end: int,
    ) -> AbstractAsyncContextManager[ObjectStream]:
        """Give the bytes from `start` up to `end` of the version with the `etag`.

        Raises:
            NotFoundError: there is no object any more.
            PreconditionFailedError: there is another version.
        """
        call = Call(
            f"read '{path}' in '{repository}/{ref}'",
            "GET",
            routes.fill(routes.REF_OBJECTS, repository=repository, ref=ref),
            query=(("path", path),),
            headers={"If-Match": etag},
            repeatable=True,
        )
        return open_stream(self._transport, call, ByteRange(start, end))

"""One version of an object, held while it is read in several requests.

Every request after the first carries the ETag of the first (`If-Match`), so that what is
put together is one version or an error. Where the ref moved on meanwhile, reading goes on
at the commit that it meant at first, if there was one and the caller may read it; of a
model, at the version that has that commit.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from ..errors import (
    ClientError,
    NotFoundError,
    PreconditionFailedError,
    ServerError,
)
from ..transport import Call
from ..wire import ObjectStats, routes
from .fixing import MODELS, find_version_ref
from .paging import Operations
from .reading import ByteRange, ObjectStream, open_stream

COMMIT_HEADER = "X-Lakebed-Commit"


@dataclass(frozen=True, slots=True)
class PinnedObject:
    """A version of an object."""

    repository: str
    ref: str
    path: str
    etag: str
    """As the header has it, with quotes."""
    size_bytes: int
    content_type: str
    commit_id: str
    """The commit that it was found in; empty if it is not committed."""

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return f"'{self.path}' in '{self.repository}/{self.ref}'"


class PinOperations(Operations):
    """Find a version of an object, and read parts of it."""

    async def stat_object(self, repository: str, ref: str, path: str) -> ObjectStats:
        """Return what is known of the object at `path`.

        Raises:
            NotFoundError: there is none.
        """
        call = Call(
            f"stat '{path}' in '{repository}/{ref}'",
            "GET",
            routes.fill(routes.REF_OBJECT_STAT, repository=repository, ref=ref),
            query=(("path", path),),
            repeatable=True,
        )
        return await self._transport.fetch(call, ObjectStats)

    async def pin_object(self, repository: str, ref: str, path: str) -> PinnedObject:
        """Return the version of the object that is at `path` now, to read parts of it.

        Raises:
            NotFoundError: there is none.
        """
        call = replace(_call(repository, ref, path), method="HEAD")
        try:
            response = await self._transport.start(call)
        except ClientError as error:
            if error.status is not None:
                # An answer to HEAD has no words; the same question with GET has.
                await self.stat_object(repository, ref, path)
            raise
        response.close()
        length = response.headers.get("Content-Length", "")
        etag = response.headers.get("ETag", "")
        if not length.isdigit() or not etag:
            raise ServerError(
                f"cannot {call.what}: '{self._transport.server}' does not answer like "
                "a lakebed server: no Content-Length or no ETag",
                status=response.status,
            )
        return PinnedObject(
            repository=repository,
            ref=ref,
            path=path,
            etag=etag,
            size_bytes=int(length),
            content_type=response.headers.get("Content-Type", ""),
            commit_id=response.headers.get(COMMIT_HEADER, ""),
        )

    async def read_pinned(
        self, pinned: PinnedObject, *, start: int = 0, end: int | None = None
    ) -> bytes:
        """Return the bytes of `pinned` from `start` up to `end`; none past its end.

        Raises:
            PreconditionFailedError: that version is not there any more.
        """
        end = pinned.size_bytes if end is None else min(end, pinned.size_bytes)
        if start >= end:
            return b""
        async with self._open_pinned(pinned, ByteRange(start, end)) as stream:
            return await stream.read()

    @asynccontextmanager
    async def _open_pinned(
        self, pinned: PinnedObject, wanted: ByteRange
    ) -> AsyncGenerator[ObjectStream]:
        call = _call(pinned.repository, pinned.ref, pinned.path)
        call = replace(call, headers={"If-Match": pinned.etag})
        try:
            opened = open_stream(self._transport, call, wanted)
            stream = await opened.__aenter__()
        except (NotFoundError, PreconditionFailedError) as error:
            if not pinned.commit_id or pinned.ref == pinned.commit_id:
                raise _changed(pinned, error) from error
            try:
                ref = pinned.commit_id
                if pinned.repository == MODELS:
                    ref = await find_version_ref(self._transport, pinned.ref, ref)
                then = _call(pinned.repository, ref, pinned.path)
                opened = open_stream(
                    self._transport, replace(then, headers=call.headers), wanted
                )
                stream = await opened.__aenter__()
            except ClientError:
                raise _changed(pinned, error) from error
        try:
            yield stream
        finally:
            await opened.__aexit__(None, None, None)


def _call(repository: str, ref: str, path: str) -> Call:
    return Call(
        f"read '{path}' in '{repository}/{ref}'",
        "GET",
        routes.fill(routes.REF_OBJECTS, repository=repository, ref=ref),
        query=(("path", path),),
        repeatable=True,
    )


def _changed(pinned: PinnedObject, error: ClientError) -> PreconditionFailedError:
    return PreconditionFailedError(
        f"cannot read {pinned.name}: it changed while it was read",
        code=error.code,
        status=error.status,
    )

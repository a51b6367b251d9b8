"""Objects at a ref."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TypeVar

from ..errors import ServerError
from ..transport import Call
from ..wire import (
    AMOUNT_MAX,
    BatchStat,
    BatchStatResult,
    Du,
    Measured,
    ObjectCopy,
    ObjectError,
    ObjectErrorList,
    ObjectMove,
    ObjectMoveResult,
    ObjectStats,
    Page,
    PathList,
    Proof,
    StatItem,
    routes,
)
from .downloading import is_replaceable, replace_file
from .parallel import download_pieces
from .pinning import PinOperations
from .reading import ByteRange, ObjectStream, open_stream
from .resuming import PIECE_BYTES
from .uploading import Expect, Progress, Upload, read_upload

T = TypeVar("T")


class ObjectOperations(PinOperations):
    """List, read, write, copy, move and delete objects."""

    def iter_objects(
        self,
        repository: str,
        ref: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        limit: int | None = None,
    ) -> AsyncIterator[ObjectStats]:
        """Yield what lies at `ref` below `prefix`, in path order.

        With a delimiter, paths that have it after the prefix come together as one
        common prefix.
        """
        query = (("prefix", prefix), ("delimiter", delimiter))
        call = Call(
            f"list '{repository}/{ref}'",
            "GET",
            routes.fill(routes.REF_OBJECTS_LS, repository=repository, ref=ref),
            query=tuple(pair for pair in query if pair[1]),
            repeatable=True,
        )
        return self._iter_pages(call, Page[ObjectStats], after=after, limit=limit)

    async def read_object(
        self,
        repository: str,
        ref: str,
        path: str,
        *,
        start: int = 0,
        end: int | None = None,
    ) -> bytes:
        """Return the bytes of the object at `path`, from `start` up to `end`.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: `start` is past its end.
        """
        opened = self.open_object(repository, ref, path, start=start, end=end)
        async with opened as stream:
            return await stream.read()

    def open_object(
        self,
        repository: str,
        ref: str,
        path: str,
        *,
        start: int = 0,
        end: int | None = None,
    ) -> AbstractAsyncContextManager[ObjectStream]:
        """Give the object at `path` as a stream, in a `with` statement.

        Raises:
            NotFoundError: there is none.
            InvalidRequestError: `start` is past its end.
        """
        call = Call(
            f"read '{path}' in '{repository}/{ref}'",
            "GET",
            routes.fill(routes.REF_OBJECTS, repository=repository, ref=ref),
            query=(("path", path),),
            repeatable=True,
        )
        return open_stream(self._transport, call, ByteRange(start, end))

    async def download_object(
        self,
        repository: str,
        ref: str,
        path: str,
        to: Path,
        *,
        parallel: int = 1,
        progress: Progress | None = None,
        expect: Expect | None = None,
    ) -> int:
        """Write the object at `path` to the file `to`; return its size.

        The file appears under its name when it is whole; a stop before that leaves
        what was there. Of a large object that comes in several requests, what has come
        stays beside the file, and repeating the download goes on from there.

        Args:
            parallel: requests at once, for objects of more than one piece.
            progress: told of the bytes that came, since the last time.
            expect: told once how many bytes there are.

        Raises:
            NotFoundError: there is none.
            OSError: the file cannot be written.
        """
        if parallel > 1 and is_replaceable(to):
            pinned = await self.pin_object(repository, ref, path)
            if pinned.size_bytes > PIECE_BYTES:
                if expect is not None:
                    expect(pinned.size_bytes)
                return await download_pieces(
                    lambda start, end: self._open_pinned(pinned, ByteRange(start, end)),
                    pinned,
                    to,
                    server=str(self._transport.server),
                    parallel=parallel,
                    progress=progress,
                )
        size_bytes = 0
        async with self.open_object(repository, ref, path) as stream:
            if expect is not None and stream.size_bytes is not None:
                expect(stream.size_bytes)
            with replace_file(to) as file:
                async for piece in stream:
                    await asyncio.to_thread(file.write, piece)
                    size_bytes += len(piece)
                    if progress is not None:
                        progress(len(piece))
        return size_bytes

    async def upload_object(
        self,
        repository: str,
        branch: str,
        path: str,
        body: Upload,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        progress: Progress | None = None,
        expect: Expect | None = None,
    ) -> ObjectStats:
        """Write `body` to `path` on `branch`, uncommitted.

        Args:
            expect: told how many bytes there are, if that is known.
            if_absent: only if there is nothing at `path`.
            if_match: only if the object at `path` has this ETag.

        Raises:
            NotFoundError: there is no such branch.
            PreconditionFailedError: the condition does not hold.
            OSError: `body` is a file that cannot be read.
        """
        payload = read_upload(body, progress)
        if expect is not None and payload.size_bytes is not None:
            expect(payload.size_bytes)
        headers = {"Content-Type": content_type or "application/octet-stream"}
        for name, value in (metadata or {}).items():
            headers[routes.USER_METADATA_HEADER + name] = value
        if payload.size_bytes is not None:
            headers["Content-Length"] = str(payload.size_bytes)
        if if_absent:
            headers["If-None-Match"] = "*"
        if if_match is not None:
            headers["If-Match"] = f'"{if_match.strip(chr(34))}"'
        call = Call(
            f"upload '{path}' to '{repository}/{branch}'",
            "POST",
            routes.fill(routes.BRANCH_OBJECTS, repository=repository, branch=branch),
            query=(("path", path),),
            headers=headers,
            stream=payload.make,
            # Under a condition our own first try could be what the second finds.
            repeatable=payload.repeatable and not if_absent and if_match is None,
        )
        return await self._transport.fetch(call, ObjectStats)

    async def delete_object(self, repository: str, branch: str, path: str) -> None:
        """Delete the object at `path` on `branch`, uncommitted; nothing there is fine."""
        call = Call(
            f"delete '{path}' from '{repository}/{branch}'",
            "DELETE",
            routes.fill(routes.BRANCH_OBJECTS, repository=repository, branch=branch),
            query=(("path", path),),
            repeatable=True,
        )
        await self._transport.delete(call)

    async def delete_objects(
        self, repository: str, branch: str, paths: Iterable[str]
    ) -> list[ObjectError]:
        """Delete the objects at `paths`, a thousand at a time; return what failed."""
        errors: list[ObjectError] = []
        route = routes.fill(routes.OBJECTS_DELETE, repository=repository, branch=branch)
        for batch in _batches(paths, AMOUNT_MAX):
            call = Call(
                f"delete {len(batch)} objects from '{repository}/{branch}'",
                "POST",
                route,
                body=PathList(paths=batch),
                repeatable=True,
            )
            errors += (await self._transport.fetch(call, ObjectErrorList)).errors
        return errors

    async def copy_object(
        self,
        repository: str,
        branch: str,
        path: str,
        *,
        source_path: str,
        source_ref: str | None = None,
    ) -> ObjectStats:
        """Write to `path` on `branch` what is at `source_path`; no bytes are moved.

        Without `source_ref` the source is on the same branch.

        Raises:
            NotFoundError: there is no such source.
        """
        call = Call(
            f"copy '{source_path}' to '{path}' on '{repository}/{branch}'",
            "POST",
            routes.fill(routes.OBJECTS_COPY, repository=repository, branch=branch),
            query=(("dest_path", path),),
            body=ObjectCopy(src_path=source_path, src_ref=source_ref),
            repeatable=True,
        )
        return await self._transport.fetch(call, ObjectStats)

    async def move_objects(
        self,
        repository: str,
        branch: str,
        source: str,
        destination: str,
        *,
        recursive: bool = False,
    ) -> int:
        """Give the object at `source` the path `destination`; return how many moved.

        With `recursive` both are prefixes, and everything below moves at once.

        Raises:
            NotFoundError: there is nothing at `source`.
        """
        call = Call(
            f"move '{source}' to '{destination}' on '{repository}/{branch}'",
            "POST",
            routes.fill(routes.OBJECTS_MOVE, repository=repository, branch=branch),
            body=ObjectMove(src_path=source, dst_path=destination, recursive=recursive),
        )
        return (await self._transport.fetch(call, ObjectMoveResult)).moved

    async def measure_many(
        self, repository: str, places: Iterable[tuple[str, str]]
    ) -> list[Measured]:
        """Return objects and bytes of many places, each a ref and a prefix, in their order.

        What cannot be said of one has a `code` and a `message` in its place. Each
        thousand is read from one state.
        """
        path = routes.fill(routes.BATCH_STAT, repository=repository)
        results: list[Measured] = []
        for some in _batches(places, AMOUNT_MAX):
            body = BatchStat(
                items=[StatItem(ref=ref, prefix=prefix) for ref, prefix in some]
            )
            what = f"measure {len(some)} prefixes of '{repository}'"
            call = Call(what, "POST", path, body=body, repeatable=True)
            answer = await self._transport.fetch(call, BatchStatResult)
            if len(answer.results) != len(some):
                raise ServerError(
                    f"cannot {what}: the server answers of {len(answer.results)}"
                )
            results += answer.results
        return results

    async def prove(self, repository: str, ref: str, path: str) -> Proof:
        """Return the proof of what is committed at `path` of `ref`, not checked yet.

        `proofs.verify_answer` checks it, and asks nobody.
        """
        call = Call(
            f"prove '{path}' in '{repository}/{ref}'",
            "GET",
            routes.fill(routes.REF_PROOF, repository=repository, ref=ref),
            query=(("path", path),),
            repeatable=True,
        )
        return await self._transport.fetch(call, Proof)

    async def du(self, repository: str, ref: str, *, prefix: str = "") -> Du:
        """Return how many objects and bytes lie at `ref` below `prefix`."""
        call = Call(
            f"measure '{prefix}' in '{repository}/{ref}'",
            "GET",
            routes.fill(routes.REF_DU, repository=repository, ref=ref),
            query=(("prefix", prefix),) if prefix else (),
            repeatable=True,
        )
        return await self._transport.fetch(call, Du)


def _batches(items: Iterable[T], size: int) -> Iterable[list[T]]:
    batch: list[T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

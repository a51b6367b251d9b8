"""Bundles as the client makes them out of files, and reads them from an answer.

Everything here that touches files or hashes blocks: it runs in threads, a batch at a time.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from ..errors import ServerError
from ..wire import WireError, bundle
from ..wire.bundle import APART_BYTES_MIN, BundleIndex, BundleRow

READ_TRIES = 3
"""Looks at a file that changes while it is read, before it is reported."""

_ROW_BYTES = 96
"""Of a row beside its texts; of a pair of metadata. Too much rather than too little."""


@dataclass(frozen=True, slots=True)
class ObjectUpload:
    """One of many objects to upload."""

    path: str
    source: Path | bytes
    size_bytes: int = 0
    """Of a file, as it was seen last; it bounds what is read together. Bytes know theirs."""
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    there: str | None = None
    """The checksum of what is at the path now: if it is that of the source, nothing is
    sent."""

    @property
    def known_bytes(self) -> int:
        """How long it is, as far as we know."""
        source = self.source
        return len(source) if isinstance(source, bytes) else self.size_bytes


class FileChangedError(OSError):
    """A file was written to while it was read."""


@dataclass(slots=True)
class Packed:
    """What became of some uploads."""

    bundles: list[tuple[bytes, list[ObjectUpload]]] = field(
        default_factory=list[tuple[bytes, list[ObjectUpload]]]
    )
    """To be sent, each with what is in it."""
    apart: list[ObjectUpload] = field(default_factory=list[ObjectUpload])
    """Too large for a bundle."""
    unchanged: list[ObjectUpload] = field(default_factory=list[ObjectUpload])
    failed: list[tuple[ObjectUpload, OSError]] = field(
        default_factory=list[tuple[ObjectUpload, OSError]]
    )
    """Files that could not be read."""


def pack(uploads: Sequence[ObjectUpload]) -> Packed:
    """Return `uploads` read, hashed and put into bundles. Blocks."""
    packed = Packed()
    builder = _Builder(packed)
    for upload in uploads:
        source = upload.source
        try:
            data = source if isinstance(source, bytes) else read_small_file(source)
        except OSError as error:
            packed.failed.append((upload, error))
            continue
        if data is None or len(data) >= APART_BYTES_MIN:
            packed.apart.append(upload)
            continue
        md5 = bundle.md5_of_content(data)
        if upload.there is not None and md5.hex() == upload.there:
            packed.unchanged.append(upload)
            continue
        builder.add(upload, data, md5)
    builder.finish()
    return packed


class _Builder:
    """Fills bundles up to their limits."""

    def __init__(self, packed: Packed) -> None:
        self._packed = packed
        self._start()

    def _start(self) -> None:
        self._rows: list[BundleRow] = []
        self._contents: list[bytes] = []
        self._uploads: list[ObjectUpload] = []
        self._size_bytes = _ROW_BYTES

    def add(self, upload: ObjectUpload, data: bytes, md5: bytes) -> None:
        metadata = dict(upload.metadata) or None
        texts = len(upload.path.encode(errors="surrogateescape"))
        texts += len(upload.content_type) * 4
        for name, value in (metadata or {}).items():
            texts += _ROW_BYTES + (len(name) + len(value)) * 4
        size_bytes = _ROW_BYTES + texts + len(data)
        if (
            self._size_bytes + size_bytes > bundle.BUNDLE_BYTES_MAX
            or len(self._rows) == bundle.BUNDLE_OBJECTS_MAX
        ):
            self.finish()
        self._size_bytes += size_bytes
        self._rows.append(
            BundleRow(upload.path, len(data), md5, upload.content_type, metadata)
        )
        self._contents.append(data)
        self._uploads.append(upload)

    def finish(self) -> None:
        if self._rows:
            data = bundle.encode_bundle(BundleIndex(self._rows), self._contents)
            self._packed.bundles.append((data, self._uploads))
            self._start()


def read_small_file(path: Path) -> bytes | None:
    """Return the bytes of a file, as they were at one time; None if it is too large.

    Raises:
        FileChangedError: it changes faster than it is read.
        OSError: it cannot be read.
    """
    for _ in range(READ_TRIES):
        # A pipe that took the place of the file must not hold the thread.
        opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            before = os.fstat(opened)
            if not stat.S_ISREG(before.st_mode):
                raise FileChangedError(0, "no file any more")
            if before.st_size >= APART_BYTES_MIN:
                return None
            data = os.read(opened, before.st_size + 1)
            after = os.fstat(opened)
        finally:
            os.close(opened)
        if len(data) == before.st_size and _is_same_file(before, after):
            return data
    raise FileChangedError(0, "changed while it was read")


def md5_of_file(path: Path) -> str:
    """Return the MD5 of a file in hex: what most objects have as their checksum."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest()


def _is_same_file(one: os.stat_result, other: os.stat_result) -> bool:
    return (
        one.st_mtime_ns == other.st_mtime_ns
        and one.st_size == other.st_size
        and one.st_ino == other.st_ino
    )


@dataclass(frozen=True, slots=True)
class ObjectContent:
    """One of many objects that are read together."""

    path: str
    size_bytes: int
    data: bytes | None
    """None: it is of 1 MiB or more, and read by itself; or it is missing."""
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    is_missing: bool = False


async def iter_bundles(
    response: aiohttp.ClientResponse, what: str
) -> AsyncGenerator[tuple[BundleIndex, memoryview]]:
    """Yield the bundles of an answer, to its end.

    Raises:
        aiohttp.ClientError, asyncio.IncompleteReadError, OSError: it breaks off.
        ServerError: it is no sequence of bundles.
    """
    content = response.content
    is_last = False
    while not is_last:
        try:
            head = await content.readexactly(bundle.HEAD_BYTES)
            encoded = await content.readexactly(bundle.decode_head(head))
            index = bundle.decode_index(encoded)
            size_bytes = sum([row.content_bytes for row in index.rows])
            if size_bytes > bundle.BUNDLE_BYTES_MAX:
                raise WireError(f"a bundle of {size_bytes} bytes")
        except WireError as error:
            raise ServerError(
                f"cannot {what}: the server does not answer like a lakebed server: "
                f"{error}",
                status=response.status,
            ) from error
        data = await content.readexactly(size_bytes) if size_bytes else b""
        is_last = index.is_last
        yield index, memoryview(data)
    if await content.read(1):  # at the end, so that the connection can be used again
        raise ServerError(f"cannot {what}: bytes follow the last bundle")


def open_bundle(
    index: BundleIndex, contents: memoryview, what: str
) -> list[ObjectContent]:
    """Return the objects of a bundle, every content checked. Blocks.

    Raises:
        ServerError: a content is not that of its MD5.
    """
    objects: list[ObjectContent] = []
    for row, content in bundle.split_contents(index, contents):
        data: bytes | None = None
        if row.size_bytes < APART_BYTES_MIN:
            data = bytes(content)
            if bundle.md5_of_content(data) != row.md5:
                raise ServerError(f"cannot {what}: '{row.path}' came damaged")
        objects.append(
            ObjectContent(
                row.path, row.size_bytes, data, row.content_type, row.metadata or {}
            )
        )
    objects += [ObjectContent(path, 0, None, is_missing=True) for path in index.missing]
    return objects


BROKEN_OFF = (aiohttp.ClientError, asyncio.IncompleteReadError, TimeoutError, OSError)
"""What the end of an answer before its end looks like."""

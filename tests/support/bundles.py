"""Making and reading bundles in tests, without the client's own code for it."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from .asking import Answer, Asker

MEDIA_TYPE = "application/vnd.lakebed.bundle"
HEAD = struct.Struct("<4sB3xI")


def row(path: str, data: bytes, *more: Any) -> list[Any]:
    """Return the row of an object."""
    return [path, len(data), hashlib.md5(data).digest(), *more]


def make_bundle(
    objects: Mapping[str, bytes] | None = None,
    *,
    rows: Sequence[Any] | None = None,
    contents: bytes | None = None,
    index: Any = None,
) -> bytes:
    """Return a bundle of `objects`, or of whatever is given in place of its pieces."""
    objects = objects or {}
    if rows is None:
        rows = [row(path, data) for path, data in objects.items()]
    if contents is None:
        contents = b"".join(objects.values())
    encoded = msgspec.msgpack.encode([rows] if index is None else index)
    return HEAD.pack(b"LBBU", 1, len(encoded)) + encoded + contents


async def send_bundle(
    ask: Asker, data: bytes, *, branch: str = "main", query: str = ""
) -> Answer:
    """Upload a bundle to the repository `lake`."""
    return await ask(
        "POST",
        f"/lake/branches/{branch}/objects/bundle{query}",
        data=io.BytesIO(data),
        headers={"Content-Type": MEDIA_TYPE},
    )


def read_bundles(data: bytes) -> tuple[dict[str, bytes | None], list[str]]:
    """Return the objects of a sequence of bundles, and what is missing.

    An object that is read by itself is None.
    """
    objects: dict[str, bytes | None] = {}
    missing: list[str] = []
    at, is_last = 0, False
    while not is_last:
        magic, version, index_bytes = HEAD.unpack_from(data, at)
        assert (magic, version) == (b"LBBU", 1)
        at += HEAD.size
        rows, gone, is_last = msgspec.msgpack.decode(data[at : at + index_bytes])
        at += index_bytes
        for path, size_bytes, md5, *_ in rows:
            assert path not in objects
            if not md5:
                assert size_bytes >= 2**20
                objects[path] = None
                continue
            content = data[at : at + size_bytes]
            assert hashlib.md5(content).digest() == md5
            objects[path] = content
            at += size_bytes
        missing += gone
    assert at == len(data), "bytes behind the last bundle"
    return objects, missing


async def read_many(
    ask: Asker, ref: str = "main", **wish: Any
) -> tuple[dict[str, bytes | None], list[str]]:
    """Read objects of the repository `lake`."""
    answer = await ask("POST", f"/lake/refs/{ref}/objects/bundle", json=wish)
    assert answer.status == 200, answer
    return read_bundles(answer.data)

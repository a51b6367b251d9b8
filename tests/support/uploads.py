"""Uploads through the operations, without a protocol around them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from lakebed.server.repository.completing import Completed, ListedPart, complete_upload
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.objects import Condition
from lakebed.server.repository.upload_store import Part, Upload
from lakebed.server.repository.uploads import UploadName, create_upload, put_part

USER = "ann"


async def begin(
    engine: Engine, repository: str, path: bytes, branch: str = "main"
) -> UploadName:
    """Begin an upload by `USER`; return what it is called."""
    upload = await create_upload(engine, repository, branch, path, initiator=USER)
    return UploadName(repository, branch, path, upload.id, USER)


async def put_parts(
    engine: Engine, name: UploadName, bodies: Sequence[bytes]
) -> list[ListedPart]:
    """Put `bodies` as parts 1, 2, ...; return how a client lists them."""
    return [
        listed(await put_part(engine, name, number, body))
        for number, body in enumerate(bodies, 1)
    ]


def listed(part: Part) -> ListedPart:
    """Return `part` as a client lists it."""
    return ListedPart(part.number, part.md5.hex())


def etag_of(bodies: Sequence[bytes]) -> bytes:
    """Return the ETag digest that AWS computes of parts."""
    md5s = b"".join(hashlib.md5(body).digest() for body in bodies)
    return hashlib.md5(md5s).digest()


async def complete(
    engine: Engine,
    name: UploadName,
    parts: Sequence[ListedPart],
    *,
    condition: Condition | None = None,
    part_bytes_min: int = 1,
) -> Completed:
    """Complete an upload of any parts, without checksums."""

    def describe(upload: Upload, chosen: Sequence[Part]) -> bytes:
        return b""

    return await complete_upload(
        engine,
        name,
        parts,
        part_bytes_min=part_bytes_min,
        describe=describe,
        condition=condition,
    )

"""Identities: BLAKE3 digests of canonical bytes, one type for each kind of thing.

An id names what it is the hash of, so two things with equal ids are equal and an id
may stand for the thing. The types are `NewType`s over `bytes`: they cost nothing at
run time, where millions of them are handled, and a type checker keeps them apart.

Chunks are hashed plainly, so that the blob id of a small object is what `b3sum FILE`
prints; every other kind in derive-key mode, so that no bytes can be read as two kinds.
The contexts are part of format 1 and never change: `docs/format/identities.md`.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NewType

from blake3 import blake3

DIGEST_BYTES = 32

ChunkId = NewType("ChunkId", bytes)
"""BLAKE3 of a chunk's plain bytes."""
RecipeId = NewType("RecipeId", bytes)
"""Id of the list of chunks that make a large object."""
BlobId = NewType("BlobId", bytes)
"""Content identity of an object: its chunk id below 1 MiB, else its recipe id."""
NodeId = NewType("NodeId", bytes)
"""Id of a stored tree node; the root's is the tree id."""
ContentId = NewType("ContentId", bytes)
"""What a subtree holds, without times and ETags."""
CommitId = NewType("CommitId", bytes)
"""Id of a commit record."""


class Kind(IntEnum):
    """What a stored frame holds. The numbers are on disk: append only."""

    CHUNK = 0
    NODE = 1
    COMMIT = 2
    RECIPE = 3
    EXTERNAL = 4
    RUN = 5


def hash_chunk(data: bytes | bytearray | memoryview) -> ChunkId:
    """Return the id of the chunk `data`."""
    return ChunkId(blake3(data).digest())


def hash_node(data: bytes) -> NodeId:
    """Return the id of the node with the canonical bytes `data`."""
    return NodeId(blake3(data, derive_key_context="lakebed v1 node").digest())


def hash_content(data: bytes) -> ContentId:
    """Return the content id of the canonical bytes `data`."""
    return ContentId(blake3(data, derive_key_context="lakebed v1 content").digest())


def hash_commit(data: bytes) -> CommitId:
    """Return the id of the commit with the canonical bytes `data`."""
    return CommitId(blake3(data, derive_key_context="lakebed v1 commit").digest())


def hash_recipe(data: bytes) -> RecipeId:
    """Return the id of the recipe with the canonical bytes `data`."""
    return RecipeId(blake3(data, derive_key_context="lakebed v1 recipe").digest())


def hash_stored(kind: Kind, data: bytes) -> bytes:
    """Return the id under which a frame of `kind` with plain bytes `data` is stored.

    Raises:
        ValueError: this version does not know how `kind` is hashed.
    """
    match kind:
        case Kind.CHUNK:
            return hash_chunk(data)
        case Kind.NODE:
            return hash_node(data)
        case Kind.COMMIT:
            return hash_commit(data)
        case Kind.RECIPE:
            return hash_recipe(data)
        case Kind.EXTERNAL:
            return blake3(data, derive_key_context="lakebed v1 external").digest()
        case Kind.RUN:
            return blake3(data, derive_key_context="lakebed v1 run").digest()

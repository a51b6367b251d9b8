"""Canonical bytes of a commit. The format is `docs/format/commit.md`; change both.

A commit's id is the hash of these bytes: fields in a fixed order, integers in their
shortest form, metadata as pairs sorted by key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import CorruptDataError, InvalidValueError
from ..ids import DIGEST_BYTES, CommitId, ContentId, NodeId, hash_commit
from ..tree.canonical import pack, unpack

_VERSION = 1
MESSAGE_BYTES_MAX = 64 * 1024
"""A long release note fits ten times; every log page holds up to 1,000 messages."""
METADATA_BYTES_MAX = 64 * 1024
"""Keys and values of a commit's metadata together."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A version: a tree, where it came from, and why."""

    tree_id: NodeId
    content_id: ContentId
    """What the tree holds, without times and ETags."""
    parents: tuple[CommitId, ...]
    """The first is the branch that the commit was made on."""
    committer: str
    message: str
    created_ms: int
    metadata: tuple[tuple[str, str], ...]
    """Pairs in ascending order of their keys."""
    generation: int
    """One more than the highest of the parents; 0 without parents."""
    id: CommitId = field(default=CommitId(b""), compare=False)
    """Hash of the rest; set by `encode_commit` and `decode_commit`."""


def make_commit(
    *,
    tree_id: NodeId,
    content_id: ContentId,
    parents: tuple[Commit, ...],
    committer: str,
    message: str,
    created_ms: int,
    metadata: Mapping[str, str],
) -> tuple[Commit, bytes]:
    """Return a new commit with its id, and its canonical bytes.

    Raises:
        InvalidValueError: the message or the metadata is too long.
    """
    if len(message.encode()) > MESSAGE_BYTES_MAX:
        raise InvalidValueError(
            "message", f"commit message must be at most {MESSAGE_BYTES_MAX} bytes"
        )
    pairs = tuple(sorted(metadata.items()))
    if sum(len(k.encode()) + len(v.encode()) for k, v in pairs) > METADATA_BYTES_MAX:
        raise InvalidValueError(
            "metadata", f"commit metadata must be at most {METADATA_BYTES_MAX} bytes"
        )
    generation = max((parent.generation for parent in parents), default=-1) + 1
    fields = (
        _VERSION,
        tree_id,
        content_id,
        tuple(parent.id for parent in parents),
        committer,
        message,
        created_ms,
        pairs,
        generation,
    )
    data = pack(fields)
    return decode_commit(data), data


def decode_commit(data: bytes) -> Commit:
    """Return the commit with the canonical bytes `data`, with its id.

    Raises:
        CorruptDataError: `data` is not a commit in a version this code reads.
    """
    try:
        row = unpack(data)
    except ValueError as error:
        raise CorruptDataError(f"commit does not decode: {error}") from error
    match row:
        case (
            1,
            bytes(tree_id),
            bytes(content_id),
            tuple(parents),
            str(committer),
            str(message),
            int(created_ms),
            tuple(metadata),
            int(generation),
        ):
            return Commit(
                NodeId(_digest(tree_id)),
                ContentId(_digest(content_id)),
                tuple(CommitId(_digest(parent)) for parent in parents),
                committer,
                message,
                created_ms,
                tuple(_pair(pair) for pair in metadata),
                generation,
                hash_commit(data),
            )
        case _:
            raise CorruptDataError("commit is malformed or of an unknown version")


def _digest(value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != DIGEST_BYTES:
        raise CorruptDataError("commit holds an id that is not 32 bytes")
    return value


def _pair(value: object) -> tuple[str, str]:
    match value:
        case (str(key), str(text)):
            return key, text
        case _:
            raise CorruptDataError("commit holds metadata that is not a pair of texts")

"""Check a proof: what lies at a path of a commit, given nothing but the commit's id.

    proof = ref.prove("raw/penguins.csv")
    Path("proof.json").write_bytes(proof.document)
    ...
    verify_proof(Path("proof.json").read_bytes(), commit_id, "raw/penguins.csv").object

It asks no server and shares no code with one: hash, look up, hash again, as
`docs/format/proof.md` says. Each step is decided by bytes whose hash the step before
named, so for one commit and one path there is one result that can pass.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from struct import Struct
from typing import TypeVar

import msgspec

from . import wire
from .errors import InvalidProofError
from .values import Commit, ObjectInfo
from .wire import WireError, decode, encode

T = TypeVar("T")

VERSION = 1
"""Of the document, of commits and of nodes."""
DIGEST_BYTES = 32
COMMIT_ID = re.compile("[0-9a-f]{64}", re.ASCII)
_SIZE = Struct("<Q")
_MTIME = Struct("<q")
_ETAG = Struct("<16sH")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_Pairs = list[tuple[str, str]]
_Sparse = list[tuple[int, bytes]]
"""Row and record, of the rows that have one."""


class _Record(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Canonical bytes, decoded: the fields of a page of `docs/format/`, in its order."""

    version: int


class _CommitRecord(_Record, frozen=True):
    tree_id: bytes
    content_id: bytes
    parents: list[bytes]
    committer: str
    message: str
    created_ms: int
    metadata: _Pairs
    generation: int


class _Leaf(_Record, frozen=True):
    level: int
    paths: list[bytes]
    blob_ids: bytes
    extras: _Sparse
    sizes: bytes
    mtimes: bytes
    etags: bytes
    checksums: _Sparse


class _Inner(_Record, frozen=True):
    level: int
    content_ids: bytes
    last_paths: list[bytes]
    child_ids: bytes
    entry_counts: bytes
    byte_totals: bytes


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved."""

    commit: Commit
    path: str
    object: ObjectInfo | None
    """What lies at the path; None: it is proved that nothing does."""
    blob_id: str | None
    """Identity of its bytes: below 1 MiB it is what `b3sum` prints of them."""
    document: bytes
    """The proof itself, to keep or to hand on: JSON."""

    def __repr__(self) -> str:
        what = "is not there" if self.object is None else f"is {self.blob_id}"
        return f"<proof that {self.path!r} of commit {self.commit.short_id} {what}>"


def verify_proof(document: bytes | str, commit_id: str, path: str) -> Proof:
    """Return what `document` proves of `path` at the commit `commit_id`.

    Args:
        document: JSON, as `Proof.document` has it.
        commit_id: all 64 hex digits, from where it can be trusted.
        path: of the object.

    Raises:
        InvalidProofError: it proves nothing of them.
    """
    try:
        proof = decode(document, wire.Proof)
        is_whole = msgspec.json.decode(document) == msgspec.to_builtins(proof)
    except (WireError, msgspec.DecodeError, RecursionError) as error:
        raise _refuse(commit_id, path, f"it is malformed: {error}") from None
    if not is_whole:
        raise _refuse(commit_id, path, "it holds what it should not")
    return _verify(proof, commit_id, path)


def verify_answer(answer: wire.Proof, ref: str, path: str) -> Proof:
    """Return what a server's `answer` proves of `path` at `ref`.

    What a name stands for only the server knows; a commit that `ref` names in full is
    held to.

    Raises:
        InvalidProofError: it proves nothing of them.
    """
    is_named = COMMIT_ID.fullmatch(ref)
    return _verify(answer, ref if is_named else answer.commit_id, path)


def _verify(proof: wire.Proof, commit_id: str, path: str) -> Proof:
    try:
        commit, found = _Walk(proof, commit_id, path).run()
    except _RefusedError as error:
        raise _refuse(commit_id, path, str(error)) from None
    blob_id, shown = found or (None, None)
    return Proof(commit, path, shown, blob_id, encode(proof))


def _refuse(commit_id: str, path: str, reason: str) -> InvalidProofError:
    return InvalidProofError(
        f"proof does not hold for '{path}' of commit '{commit_id}': {reason}"
    )


class _RefusedError(Exception):
    """A step of a proof does not hold."""


def _require(holds: bool, reason: str) -> None:
    if not holds:
        raise _RefusedError(reason)


class _Walk:
    """The look-up of a path, over nodes that a stranger gave."""

    def __init__(self, proof: wire.Proof, commit_id: str, path: str) -> None:
        self._proof = proof
        self._commit_id = commit_id
        self._text = path
        self._path = path.encode(errors="surrogatepass")
        self._low = b""
        """The last path before the node at hand; empty: there is none."""
        self._last: bytes | None = None
        """The last path of the node at hand; None: it is the root."""
        self._level: int | None = None
        """Of the node at hand; None: it is the root."""

    def run(self) -> tuple[Commit, tuple[str, ObjectInfo] | None]:
        proof = self._proof
        _require(proof.version == VERSION, f"its version is {proof.version}, not 1")
        _require(proof.commit_id == self._commit_id, "it is about another commit")
        _require(proof.path == self._text, "it is about another path")
        _require(bool(proof.nodes), "it has no nodes")
        commit = self._read_commit()
        wanted: bytes | None = bytes.fromhex(commit.tree_id)
        found: tuple[str, ObjectInfo] | None = None
        for data in proof.nodes:
            _require(wanted is not None, "it goes on behind its end")
            _require(_hash("node", data) == wanted, "a node is not the one named above")
            level = _read_level(data)
            _require(self._level in (None, level), "a node is of another level")
            if level == 0:
                wanted, found = None, self._look_in_leaf(data)
            else:
                wanted = self._look_in_inner(data)
            self._level = level - 1
        _require(wanted is None, "it ends above the leaf")
        return commit, found

    def _read_commit(self) -> Commit:
        data = self._proof.commit
        _require(
            _hash("commit", data).hex() == self._commit_id,
            "its commit has another id",
        )
        record = _read(data, _CommitRecord, "commit")
        _require(record.version == VERSION, "its commit is of an unknown version")
        return Commit(
            id=self._commit_id,
            parents=tuple(parent.hex() for parent in record.parents),
            author=record.committer,
            message=record.message,
            created_at=_time(record.created_ms),
            metadata=dict(record.metadata),
            tree_id=record.tree_id.hex(),
            generation=record.generation,
        )

    def _look_in_inner(self, data: bytes) -> bytes | None:
        """Return the id of the child that would hold the path, None if none would."""
        node = _read(data, _Inner, "inner node")
        last_paths = node.last_paths
        self._check_paths(last_paths)
        _require(bool(last_paths), "an inner node is empty")
        row = bisect_left(last_paths, self._path)
        if row == len(last_paths):
            return None
        if row:
            self._low = last_paths[row - 1]
        self._last = last_paths[row]
        return _digest(node.child_ids, row)

    def _look_in_leaf(self, data: bytes) -> tuple[str, ObjectInfo] | None:
        """Return the blob id and the object at the path, None where it would be."""
        leaf = _read(data, _Leaf, "leaf")
        self._check_paths(leaf.paths)
        row = bisect_left(leaf.paths, self._path)
        if row == len(leaf.paths) or leaf.paths[row] != self._path:
            return None
        try:
            (size_bytes,) = _SIZE.unpack_from(leaf.sizes, row * _SIZE.size)
            (mtime_ms,) = _MTIME.unpack_from(leaf.mtimes, row * _MTIME.size)
            md5, part_count = _ETAG.unpack_from(leaf.etags, row * _ETAG.size)
        except struct.error as error:
            raise _RefusedError("a leaf is cut off") from error
        content_type, metadata = _read_extras(dict(leaf.extras).get(row))
        return _digest(leaf.blob_ids, row).hex(), ObjectInfo(
            path=self._text,
            size_bytes=size_bytes,
            etag=f"{md5.hex()}-{part_count}" if part_count else md5.hex(),
            modified_at=_time(mtime_ms),
            content_type=content_type,
            metadata=metadata,
        )

    def _check_paths(self, paths: Sequence[bytes]) -> None:
        """Return if a node has `paths` in order, between its neighbours.

        Without this somebody could make a tree that holds a path twice, in places that
        look-ups do not agree on.
        """
        rises = all(one < other for one, other in pairwise(paths))
        _require(rises, "a node is not in order")
        _require(not paths or paths[0] > self._low, "a node begins before its place")
        if self._last is not None:
            _require(bool(paths) and paths[-1] == self._last, "a node ends elsewhere")


def _hash(kind: str, data: bytes) -> bytes:
    from blake3 import blake3  # only who checks proofs waits for it

    return blake3(data, derive_key_context=f"lakebed v1 {kind}").digest()


def _read(data: bytes, shape: type[T], what: str) -> T:
    try:
        return msgspec.msgpack.decode(data, type=shape)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _RefusedError(f"a {what} does not decode: {error}") from None


def _read_level(data: bytes) -> int:
    fields = _read(data, list[msgspec.Raw], "node")
    _require(len(fields) > 1, "a node has no level")
    version, level = (_read(bytes(field), int, "node") for field in fields[:2])
    _require(version == VERSION, "a node is of an unknown version")
    _require(level >= 0, "a node has no level")
    return level


def _digest(column: bytes, row: int) -> bytes:
    digest = column[row * DIGEST_BYTES : (row + 1) * DIGEST_BYTES]
    _require(len(digest) == DIGEST_BYTES, "a node is cut off")
    return digest


def _read_extras(data: bytes | None) -> tuple[str | None, dict[str, str]]:
    """Return content type and user metadata out of the extras of an entry."""
    if data is None:
        return None, {}
    try:
        # The values are texts, or arrays of pairs.
        extras = msgspec.msgpack.decode(data, type=list[tuple[str, str | _Pairs]])
    except msgspec.DecodeError as error:
        raise _RefusedError(f"a record of an entry does not decode: {error}") from None
    known = dict(extras)
    content_type, metadata = known.get("content_type"), known.get("user_metadata", [])
    return (
        content_type if isinstance(content_type, str) else None,
        dict(metadata) if isinstance(metadata, list) else {},
    )


def _time(milliseconds: int) -> datetime:
    try:
        # In whole seconds, as the server says it elsewhere: equal things are equal.
        return _EPOCH + timedelta(seconds=milliseconds // 1000)
    except OverflowError:
        raise _RefusedError("it holds a time that is none") from None

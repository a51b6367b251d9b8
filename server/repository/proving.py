"""Proofs: what lies at a path of a commit, for whoever trusts nothing but the commit's id.

The commit's id is the hash of its record, which holds the id of the root node, which is
the hash of that node, which holds the ids of its children, and so on down to the leaf:
with these bytes anybody can go the way of a look-up again, and no other bytes have those
ids. The same bytes prove that nothing lies at a path: they end at the leaf, or at an
inner node, where it would be. What a reader checks is in `docs/format/proof.md`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..errors import CorruptDataError
from ..ids import CommitId, NodeId
from ..tree.codec import encode_node
from ..tree.lookup import find_way
from .engine import Engine
from .resolving import resolve


@dataclass(frozen=True, slots=True)
class Proof:
    """The bytes that lead from a commit's id to a path."""

    commit_id: CommitId
    path: bytes
    commit_record: bytes
    """Canonical bytes of the commit."""
    nodes: tuple[bytes, ...]
    """Canonical bytes of the nodes that a look-up reads, root first."""


async def prove(engine: Engine, repository: str, ref: str, path: bytes) -> Proof:
    """Return the proof of what is committed at `path` of `ref`, be it nothing.

    Reads one node a level.

    Args:
        engine: where.
        repository: name of the repository.
        ref: any ref expression; of a branch what is committed counts.
        path: of an object that need not be there.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, InvalidRefExpressionError
        ExpiredDataError: retention collected the commit's data.
    """
    version = (await resolve(engine, repository, ref)).require_data()
    commit = version.commit
    (row,) = await engine.metadata.find_commits(version.repository.id, [commit.id])
    if row is None:
        raise CorruptDataError(
            f"commit '{commit.id.hex()}' of '{repository}' is missing"
        )
    nodes = await asyncio.to_thread(_read_way, engine, commit.tree_id, path)
    return Proof(commit.id, path, row.record, nodes)


def _read_way(engine: Engine, root: NodeId, path: bytes) -> tuple[bytes, ...]:
    # A node has one encoding, so that what is decoded in the cache gives the bytes back.
    return tuple(encode_node(node).data for node in find_way(engine.nodes, root, path))

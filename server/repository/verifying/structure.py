"""Checks that nodes and recipes are true: of what they refer to, and all that they sum up.

Each is looked at by itself, with what it refers to directly. What a parent says of a
child is compared with the child; the facts of those seen last are kept, because a build
writes children just before their parents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct

from ...chunks.cutting import LARGE_BYTES_MIN
from ...chunks.reader import ChunkReader
from ...chunks.recipe import Recipe, decode_recipe
from ...errors import CorruptDataError, MissingDataError, StorageFailedError
from ...history.commit import decode_commit
from ...ids import Kind, hash_chunk
from ...runs.record import decode_record
from ...tree.codec import decode_node, encode_node
from ...tree.node import Inner, Leaf, Node, unpack_u64
from .report import Fault, Key, Report
from .sizes import FindSizes

T = TypeVar("T")

_FACTS_MAX = 50_000
"""Facts kept of nodes and of recipes, 300 bytes each. A tree of 10^7 entries has 20,000
nodes; half would read more children again."""

EMPTY = hash_chunk(b"")
"""The blob id of the object without bytes, which is stored nowhere."""


class NodeFacts(Struct, frozen=True, gc=False):
    """What a parent says of a node."""

    level: int
    content_id: bytes
    last_path: bytes
    entry_count: int
    byte_total: int


class RecipeFacts(Struct, frozen=True, gc=False):
    """What a parent says of a recipe record."""

    level: int
    size_bytes: int


class Structure:
    """Checks nodes, recipes and entries against what they refer to; for any thread."""

    def __init__(
        self, chunks: ChunkReader, find_sizes: FindSizes, report: Report
    ) -> None:
        """Read through `chunks`; ask `find_sizes` what is stored; tell `report`."""
        self._chunks = chunks
        self._find_sizes = find_sizes
        self._report = report
        self._nodes: dict[bytes, NodeFacts] = {}
        self._recipes: dict[bytes, RecipeFacts] = {}

    def check_node(self, id_: bytes, data: bytes) -> None:
        """Check the node with the verified bytes `data`."""
        try:
            node = decode_node(data)
        except CorruptDataError as error:
            self._blame(Kind.NODE, id_, str(error))
            return
        _keep(self._nodes, id_, _facts_of(node))
        if isinstance(node, Leaf):
            entries = zip(
                node.paths,
                [node.blob_id(row) for row in range(len(node.paths))],
                unpack_u64(node.sizes, 0, len(node.paths)),
                strict=True,
            )
            self.check_entries(f"leaf '{id_.hex()}'", list(entries))
        else:
            self._check_children(id_, node)

    def check_entries(
        self, where: str, entries: Sequence[tuple[bytes, bytes, int]]
    ) -> None:
        """Check that the objects of `entries` are stored, and as long as they say.

        Args:
            where: what holds the entries.
            entries: path, blob id and size of each.
        """
        small = {id_ for _, id_, size in entries if 0 < size < LARGE_BYTES_MIN}
        sizes = self._find_sizes(Kind.CHUNK, list(small))
        for path, id_, size in entries:
            needs = f"{where} needs it for '{_show(path)}'"
            if size >= LARGE_BYTES_MIN:
                key: Key = (Kind.RECIPE, id_)
                recipe = self._recipe_facts(id_, needs)
                found = None if recipe is None else recipe.size_bytes
            elif size > 0:
                key = (Kind.CHUNK, id_)
                found = sizes.get(id_)
                if found is None:
                    self._miss(Kind.CHUNK, id_, needs)
            else:
                key = (Kind.CHUNK, id_)
                found = 0 if id_ == EMPTY else 1
            if found is not None and found != size:
                self._blame_size(where, path, key, size, found)

    def check_recipe(self, id_: bytes, data: bytes) -> None:
        """Check the recipe record with the verified bytes `data`."""
        try:
            recipe = decode_recipe(data)
        except CorruptDataError as error:
            self._blame(Kind.RECIPE, id_, str(error))
            return
        _keep(self._recipes, id_, RecipeFacts(recipe.level, recipe.size_bytes))
        rows = [recipe.row(index) for index in range(len(recipe))]
        where = f"recipe '{id_.hex()}' needs it"
        if recipe.level == 0:
            sizes = self._find_sizes(Kind.CHUNK, list({row.id for row in rows}))
            for row in rows:
                found = sizes.get(row.id)
                if found is None:
                    self._miss(Kind.CHUNK, row.id, where)
                elif found != row.size_bytes:
                    reason = (
                        f"it says that a chunk of {found} has {row.size_bytes} bytes"
                    )
                    self._blame(Kind.RECIPE, id_, reason)
            return
        for row in rows:
            child = self._recipe_facts(row.id, where)
            if child not in (None, RecipeFacts(recipe.level - 1, row.size_bytes)):
                reason = f"what it says of the record '{row.id.hex()}' is not so"
                self._blame(Kind.RECIPE, id_, reason)

    def check_commit(self, id_: bytes, data: bytes) -> None:
        """Check the commit with the verified bytes `data`."""
        try:
            decode_commit(data)
        except CorruptDataError as error:
            self._blame(Kind.COMMIT, id_, str(error))

    def check_run(self, id_: bytes, data: bytes) -> None:
        """Check the run record with the verified bytes `data`, and what it keeps."""
        try:
            record = decode_record(data)
        except CorruptDataError as error:
            self._blame(Kind.RUN, id_, str(error))
            return
        where = f"run '{record.id}'"
        self.check_entries(
            where,
            [(one.name.encode(), one.blob_id, one.size_bytes) for one in record.files],
        )
        points = {one.points for one in record.metrics if one.points is not None}
        stored = {
            **self._find_sizes(Kind.CHUNK, list(points)),
            **self._find_sizes(Kind.RECIPE, list(points)),
        }
        for missing in points - stored.keys():
            self._miss(Kind.CHUNK, missing, f"{where} needs it for a metric")

    def check_pieces(self, where: str, chunks: Mapping[bytes, int]) -> None:
        """Check that the chunks of a part are stored, with the sizes that it says."""
        sizes = self._find_sizes(Kind.CHUNK, list(chunks))
        for id_, size in chunks.items():
            found = sizes.get(id_)
            if found is None:
                self._miss(Kind.CHUNK, id_, f"{where} needs it")
            elif found != size:
                reason = f"it says that a chunk of {found} has {size} bytes"
                self._report.add(Fault("upload-part", where, reason))

    def content_id_of(self, tree_id: bytes, where: str) -> bytes | None:
        """Return the content id of the stored tree `tree_id`, None if it is not whole."""
        facts = self._node_facts(tree_id, f"{where} needs it")
        return None if facts is None else facts.content_id

    def _check_children(self, id_: bytes, node: Inner) -> None:
        count = len(node.last_paths)
        entry_counts = unpack_u64(node.entry_counts, 0, count)
        byte_totals = unpack_u64(node.byte_totals, 0, count)
        where = f"node '{id_.hex()}' needs it"
        for row in range(count):
            child = self._node_facts(node.child_id(row), where)
            if child is None:
                continue
            said = NodeFacts(
                node.level - 1,
                node.content_id(row),
                node.last_paths[row],
                entry_counts[row],
                byte_totals[row],
            )
            if child != said:
                wrong = [
                    name
                    for name in NodeFacts.__struct_fields__
                    if getattr(child, name) != getattr(said, name)
                ]
                reason = (
                    f"what it says of its child '{node.child_id(row).hex()}' is not so: "
                    f"{', '.join(wrong)}"
                )
                self._blame(Kind.NODE, id_, reason)

    def _node_facts(self, id_: bytes, where: str) -> NodeFacts | None:
        return self._facts(
            Kind.NODE,
            self._nodes,
            id_,
            where,
            lambda data: _facts_of(decode_node(data)),
        )

    def _recipe_facts(self, id_: bytes, where: str) -> RecipeFacts | None:
        def facts_of(data: bytes) -> RecipeFacts:
            recipe: Recipe = decode_recipe(data)
            return RecipeFacts(recipe.level, recipe.size_bytes)

        return self._facts(Kind.RECIPE, self._recipes, id_, where, facts_of)

    def _facts(
        self,
        kind: Kind,
        kept: dict[bytes, T],
        id_: bytes,
        where: str,
        facts_of: Callable[[bytes], T],
    ) -> T | None:
        facts = kept.get(id_)
        if facts is not None:
            return facts
        try:
            facts = facts_of(self._chunks.read_blocking(kind, [id_])[0])
        except MissingDataError as error:
            self._miss(kind, id_, f"{where}: {error}")
            return None
        except (CorruptDataError, StorageFailedError) as error:
            self._blame(kind, id_, str(error))
            return None
        _keep(kept, id_, facts)
        return facts

    def _miss(self, kind: Kind, id_: bytes, reason: str) -> None:
        fault = Fault(kind.name.lower(), id_.hex(), f"it is not stored: {reason}")
        self._report.add(fault, [(kind, id_)])

    def _blame(self, kind: Kind, id_: bytes, reason: str) -> None:
        self._report.add(Fault(kind.name.lower(), id_.hex(), reason), [(kind, id_)])

    def _blame_size(
        self, where: str, path: bytes, key: Key, said: int, found: int
    ) -> None:
        """Say that an object is not as long as its entry says: it cannot be read."""
        kind, id_ = key
        reason = (
            f"{where} says that '{_show(path)}' has {said} bytes, and it has {found}"
        )
        self._report.add(Fault(kind.name.lower(), id_.hex(), reason), [key])


def _facts_of(node: Node) -> NodeFacts:
    return NodeFacts(
        node.level,
        encode_node(node).content_id,
        node.last_path,
        node.entry_count,
        node.byte_total,
    )


def _keep(kept: dict[bytes, T], id_: bytes, facts: T) -> None:
    if len(kept) >= _FACTS_MAX:
        kept.clear()
    kept[id_] = facts


def _show(path: bytes) -> str:
    return path.decode(errors="replace")

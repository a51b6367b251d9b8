"""Cursors, listings, look-ups and counts agree with a sorted dict."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.ids import NodeId
from lakebed.server.tree.cursor import Cursor
from lakebed.server.tree.entry import PackedEntry, unpack_entry
from lakebed.server.tree.listing import list_page
from lakebed.server.tree.lookup import (
    NODES_AT_ONCE,
    Measure,
    after_prefix,
    find,
    find_by_ordinal,
    find_entry,
    find_many,
    measure_prefix,
    measure_range,
)
from lakebed.server.tree.node import Node, Row

from support.nodes import MemoryNodes
from support.trees import SMALL, build, entry_of, maps, paths

Map = dict[bytes, PackedEntry]

prefixes = st.sampled_from(
    [b"", b"a", b"a/", b"a/b", b"a/b/", b"a/b/01", b"b/", "é".encode(), b"zz", b"\xff"]
)
delimiters = st.sampled_from([b"", b"/", b"-", b"/b", b"00", "é/".encode()])


def list_naively(model: Map, prefix: bytes, delimiter: bytes) -> list[bytes]:
    """Return every line of a listing."""
    lines: dict[bytes, None] = {}
    for path in sorted(model):
        if path.startswith(prefix):
            cut = path.find(delimiter, len(prefix)) if delimiter else -1
            lines[path if cut < 0 else path[: cut + len(delimiter)]] = None
    return list(lines)


@given(model=maps, prefix=prefixes, delimiter=delimiters, limit=st.integers(1, 40))
def test_pages_put_together_are_the_whole_listing(
    model: Map, prefix: bytes, delimiter: bytes, limit: int
) -> None:
    nodes = MemoryNodes()
    root = build(nodes, model, rule=SMALL).tree_id
    found: list[bytes] = []
    after = b""

    while True:
        page = list_page(
            Cursor(nodes, root),
            prefix=prefix,
            after=after,
            delimiter=delimiter,
            limit=limit,
        )
        assert len(page.items) == limit or not page.is_truncated
        for item in page.items:
            assert item.packed == (None if item.is_common_prefix else model[item.path])
        found += [item.path for item in page.items]
        if not page.is_truncated:
            break
        after = found[-1]

    assert found == list_naively(model, prefix, delimiter)


@given(model=maps, prefix=prefixes, after=paths, delimiter=delimiters)
def test_a_listing_goes_on_behind_any_path(
    model: Map, prefix: bytes, after: bytes, delimiter: bytes
) -> None:
    nodes = MemoryNodes()
    root = build(nodes, model, rule=SMALL).tree_id
    behind = {path: entry for path, entry in model.items() if path > after}

    page = list_page(
        Cursor(nodes, root),
        prefix=prefix,
        after=after,
        delimiter=delimiter,
        limit=1000,
    )

    expected = list_naively(behind, prefix, delimiter)
    if delimiter and after.endswith(delimiter):  # then it is a common prefix, perhaps
        expected = [line for line in expected if line != after]
    assert [item.path for item in page.items] == expected
    assert not page.is_truncated


def test_a_limit_of_nothing_lists_nothing() -> None:
    nodes = MemoryNodes()
    root = build(nodes, {b"a": entry_of(b"a")}).tree_id

    page = list_page(Cursor(nodes, root), limit=0)

    assert (page.items, page.is_truncated) == ([], False)


class CursorModel:
    """A sorted list and a place in it."""

    def __init__(self, model: Map) -> None:
        self.rows: list[Row] = sorted(model.items())
        self.at = 0

    def seek(self, path: bytes) -> None:
        self.at = bisect_left(self.rows, path, key=lambda row: row[0])


@given(
    model=maps,
    steps=st.lists(
        st.tuples(st.just("seek"), paths)
        | st.tuples(st.just("take"), st.integers(1, 9))
        | st.tuples(st.just("peek"), st.none())
        | st.tuples(st.just("rows"), st.none() | paths),
        max_size=20,
    ),
)
def test_a_cursor_is_a_place_in_a_sorted_list(
    model: Map, steps: list[tuple[str, bytes | int | None]]
) -> None:
    nodes = MemoryNodes()
    cursor = Cursor(nodes, build(nodes, model, rule=SMALL).tree_id)
    expected = CursorModel(model)

    for step, argument in steps:
        match step, argument:
            case "seek", bytes(path):
                cursor.seek(path)
                expected.seek(path)
            case "take", int(limit):
                taken = cursor.take(limit)
                assert bool(taken) == (expected.at < len(expected.rows))
                assert taken == expected.rows[expected.at :][: len(taken)]
                assert len(taken) <= limit
                expected.at += len(taken)
            case "rows", (None | bytes()) as stop:
                rest = [
                    row
                    for row in expected.rows[expected.at :]
                    if stop is None or row[0] < stop
                ]
                assert list(cursor.rows(stop)) == rest
                expected.at += len(rest)
            case _:
                ahead = expected.rows[expected.at :]
                assert cursor.peek() == (ahead[0] if ahead else None)


@given(model=maps, wanted=st.lists(paths, max_size=30))
def test_a_look_up_finds_what_is_there(model: Map, wanted: list[bytes]) -> None:
    nodes = MemoryNodes()
    root = build(nodes, model, rule=SMALL).tree_id

    assert {path: find(nodes, root, path) for path in wanted} == {
        path: model.get(path) for path in wanted
    }
    nodes.reset_counts()
    assert find_many(nodes, root, wanted) == {
        path: model[path] for path in wanted if path in model
    }
    assert nodes.read_count == len(nodes.read_ids)


def test_an_entry_is_found_unpacked() -> None:
    nodes = MemoryNodes()
    packed = entry_of(b"a")
    root = build(nodes, {b"a": packed}).tree_id

    assert find_entry(nodes, root, b"a") == unpack_entry(b"a", packed)
    assert find_entry(nodes, root, b"b") is None


@given(model=maps, prefix=prefixes, start=paths, stop=st.none() | paths)
def test_counts_are_those_of_the_rows(
    model: Map, prefix: bytes, start: bytes, stop: bytes | None
) -> None:
    nodes = MemoryNodes()
    model = {
        path: PackedEntry(packed[:32] + (7).to_bytes(8, "little") + packed[40:])
        for path, packed in model.items()
    }
    root: NodeId = build(nodes, model, rule=SMALL).tree_id

    under = sum(path.startswith(prefix) for path in model)
    between = sum(start <= path and (stop is None or path < stop) for path in model)

    assert measure_prefix(nodes, root, prefix) == Measure(under, 7 * under)
    assert measure_range(nodes, root, start, stop) == Measure(between, 7 * between)


@given(model=maps, ordinal=st.integers(-2, 130))
def test_a_row_has_a_number(model: Map, ordinal: int) -> None:
    nodes = MemoryNodes()
    root = build(nodes, model, rule=SMALL).tree_id
    rows = sorted(model.items())

    expected = rows[ordinal] if 0 <= ordinal < len(rows) else None
    assert find_by_ordinal(nodes, root, ordinal) == expected


@given(prefix=st.binary(max_size=4), path=st.binary(max_size=6))
def test_the_end_of_a_prefix_divides_paths(prefix: bytes, path: bytes) -> None:
    end = after_prefix(prefix)

    assert path.startswith(prefix) == (path >= prefix and (end is None or path < end))


def test_a_look_up_of_many_paths_holds_few_nodes_at_once() -> None:
    """A thousand paths may lie in as many leaves, which would be 100 MB together."""

    class Counting(MemoryNodes):
        at_once = 0

        def get_many(self, node_ids: Sequence[NodeId]) -> list[Node]:
            self.at_once = max(self.at_once, len(node_ids))
            return super().get_many(node_ids)

    nodes = Counting()
    model = {b"%05d" % number: entry_of(b"x") for number in range(4000)}
    root = build(nodes, model, rule=SMALL).tree_id

    found = find_many(nodes, root, list(model))

    assert found == model
    assert nodes.at_once <= NODES_AT_ONCE

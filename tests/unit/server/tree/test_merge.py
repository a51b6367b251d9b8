"""Merges agree with a three-way merge of dicts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.tree.entry import PackedEntry, same_identity
from lakebed.server.tree.merge import (
    CONFLICTS_MAX,
    Conflict,
    Resolution,
    Strategy,
    iter_conflicts,
    merge_trees,
)

from support.nodes import MemoryNodes
from support.trees import (
    SMALL,
    apply_naively,
    build,
    changes,
    entry_of,
    maps,
    paths,
    read_all,
)

Map = dict[bytes, PackedEntry]
Staged = dict[bytes, PackedEntry | None]

LAST = "\U0001f5c3".encode()
"""Behind every path that the strategies draw."""


def is_same(one: PackedEntry | None, other: PackedEntry | None) -> bool:
    if one is None or other is None:
        return one is other
    return same_identity(one, other)


def merge_naively(
    base: Map, ours: Map, theirs: Map
) -> tuple[dict[bytes, PackedEntry | None], list[Conflict]]:
    merged: dict[bytes, PackedEntry | None] = {}
    conflicts: list[Conflict] = []
    for path in sorted(base.keys() | ours.keys() | theirs.keys()):
        b, o, t = base.get(path), ours.get(path), theirs.get(path)
        if is_same(t, b) or is_same(t, o):
            merged[path] = o
        elif is_same(o, b):
            merged[path] = t
        else:
            conflicts.append(Conflict(path, b, o, t))
    return merged, conflicts


def is_allowed(
    found: PackedEntry | None,
    expected: PackedEntry | None,
    base: PackedEntry | None,
    ours: PackedEntry | None,
    theirs: PackedEntry | None,
) -> bool:
    """Where ours did nothing at all, other fields of theirs may come along."""
    if found == expected:
        return True
    return ours == base and found == theirs and is_same(theirs, base)


@given(base=maps, ours_staged=changes, theirs_staged=changes)
def test_a_merge_is_that_of_the_entries(
    base: Map, ours_staged: Staged, theirs_staged: Staged
) -> None:
    check(base, apply_naively(base, ours_staged), apply_naively(base, theirs_staged))


@given(base=maps, ours=maps, theirs=maps)
def test_so_is_one_of_unrelated_trees(base: Map, ours: Map, theirs: Map) -> None:
    check(base, ours, theirs)


def check(base: Map, ours: Map, theirs: Map) -> None:
    nodes = MemoryNodes()
    roots = [build(nodes, side, rule=SMALL).tree_id for side in (base, ours, theirs)]
    expected, conflicts = merge_naively(base, ours, theirs)

    merge = merge_trees(nodes, nodes, *roots, rule=SMALL)

    assert list(merge.conflicts) == conflicts
    assert merge.conflict_count == len(conflicts)
    assert (merge.tree is None) == bool(conflicts)
    if merge.tree is not None:
        found = read_all(nodes, merge.tree.tree_id)
        for path, entry in expected.items():
            assert is_allowed(
                found.get(path), entry, base.get(path), ours.get(path), theirs.get(path)
            )
        assert merge.tree == build(MemoryNodes(), found, rule=SMALL)


@given(
    base=maps,
    ours_staged=changes,
    theirs_staged=changes,
    strategy=st.sampled_from(Strategy),
    resolutions=st.lists(st.sampled_from(Resolution), max_size=8),
    others=st.lists(paths, max_size=3),
)
def test_resolutions_decide_before_the_strategy(
    base: Map,
    ours_staged: Staged,
    theirs_staged: Staged,
    strategy: Strategy,
    resolutions: list[Resolution],
    others: list[bytes],
) -> None:
    nodes = MemoryNodes()
    ours, theirs = apply_naively(base, ours_staged), apply_naively(base, theirs_staged)
    roots = [build(nodes, side, rule=SMALL).tree_id for side in (base, ours, theirs)]
    expected, conflicts = merge_naively(base, ours, theirs)
    chosen = {
        conflict.path: resolution
        for conflict, resolution in zip(conflicts, resolutions, strict=False)
    }
    unused = set(others) - {conflict.path for conflict in conflicts}
    chosen |= dict.fromkeys(unused, Resolution.DELETE)
    for conflict in conflicts:
        expected[conflict.path] = {
            "ours": conflict.ours,
            "theirs": conflict.theirs,
            "base": conflict.base,
            "delete": None,
        }[chosen.get(conflict.path, strategy).value]

    merge = merge_trees(
        nodes, nodes, *roots, strategy=strategy, resolutions=chosen, rule=SMALL
    )

    assert merge.tree is not None
    assert merge.resolved_count == len(conflicts)
    assert merge.unused == tuple(sorted(unused))
    found = read_all(nodes, merge.tree.tree_id)
    assert found.keys() == {path for path, entry in expected.items() if entry}
    assert all(is_same(found[path], expected[path]) for path in found)


@given(base=maps, staged=changes)
def test_what_one_side_alone_changed_is_taken_unread(base: Map, staged: Staged) -> None:
    nodes = MemoryNodes()
    root = build(nodes, base, rule=SMALL).tree_id
    changed = build(nodes, apply_naively(base, staged), rule=SMALL).tree_id

    for ours, theirs in ((root, changed), (changed, root), (changed, changed)):
        merge = merge_trees(nodes, nodes, root, ours, theirs, rule=SMALL)

        assert merge.tree is not None
        found = read_all(nodes, merge.tree.tree_id)
        assert found.keys() == read_all(nodes, changed).keys()


def test_a_new_etag_in_ours_is_not_lost_when_theirs_changes_its_neighbour() -> None:
    nodes = MemoryNodes()
    base = {b"a": entry_of(b"a"), b"b": entry_of(b"b")}
    again = PackedEntry(base[b"a"][:48] + b"\xee" * 16 + bytes(2))
    ours = base | {b"a": again}
    theirs = base | {b"b": entry_of(b"b", "new")}
    roots = [build(nodes, side).tree_id for side in (base, ours, theirs)]

    merge = merge_trees(nodes, nodes, *roots)

    assert merge.tree is not None
    assert read_all(nodes, merge.tree.tree_id) == {b"a": again, b"b": theirs[b"b"]}


def test_nor_in_a_deep_tree_where_subtrees_have_equal_content() -> None:
    """Ours has the base's content, and must not be taken for the base."""
    base = {b"%03d" % n: entry_of(b"%03d" % n) for n in range(200)}
    for at in range(0, 199, 7):
        nodes = MemoryNodes()
        mine, other = b"%03d" % at, b"%03d" % (at + 1)
        again = PackedEntry(base[mine][:48] + b"\xee" * 16 + bytes(2))
        ours = base | {mine: again}
        theirs = base | {other: entry_of(other, "new")}
        roots = [
            build(nodes, side, rule=SMALL).tree_id for side in (base, ours, theirs)
        ]

        merge = merge_trees(nodes, nodes, *roots, rule=SMALL)

        assert merge.tree == build(
            nodes, base | {mine: again, other: theirs[other]}, rule=SMALL
        )


@given(base=maps, staged=changes, count=st.integers(1, 60))
def test_what_comes_behind_the_end_of_the_other_side_is_cut_anew(
    base: Map, staged: Staged, count: int
) -> None:
    """The right edge of one side is linked, and then something follows."""
    nodes = MemoryNodes()
    behind = {LAST + b"%d" % n: entry_of(b"%d" % n) for n in range(count)}
    ours = apply_naively(base, staged)
    roots = [
        build(nodes, side, rule=SMALL).tree_id for side in (base, ours, base | behind)
    ]

    for one, other in ((roots[1], roots[2]), (roots[2], roots[1])):
        merge = merge_trees(nodes, nodes, roots[0], one, other, rule=SMALL)

        assert merge.tree is not None
        found = read_all(nodes, merge.tree.tree_id)
        assert found.keys() == (ours | behind).keys()
        assert merge.tree == build(nodes, found, rule=SMALL)


def test_a_side_that_grew_taller_is_linked_all_the_same() -> None:
    nodes = MemoryNodes()
    base = {b"%04d" % n: entry_of(b"%d" % n) for n in range(60)}
    ours = base | {b"0007": entry_of(b"7", "new")}
    theirs = base | {b"x%05d" % n: entry_of(b"%d" % n) for n in range(5000)}
    roots = [build(nodes, side, rule=SMALL).tree_id for side in (base, ours, theirs)]
    levels = [nodes.get(root).level for root in roots]
    nodes.reset_counts()

    merge = merge_trees(nodes, nodes, *roots, rule=SMALL)

    assert levels[2] > levels[1] + 2
    assert merge.tree == build(MemoryNodes(), ours | theirs | ours, rule=SMALL)
    assert nodes.read_count <= 12


PREFIXES = st.sampled_from([b"", b"a", b"a/", b"a/b/0", b"a/\xc3", b"0", b"nosuch"])


@given(
    base=maps,
    ours_staged=changes,
    theirs_staged=changes,
    prefix=PREFIXES,
    after=st.just(b"") | paths,
)
def test_conflicts_are_listed_from_anywhere(
    base: Map, ours_staged: Staged, theirs_staged: Staged, prefix: bytes, after: bytes
) -> None:
    check_listed(
        base,
        apply_naively(base, ours_staged),
        apply_naively(base, theirs_staged),
        prefix,
        after,
    )


@given(base=maps, ours=maps, theirs=maps, prefix=PREFIXES, after=st.just(b"") | paths)
def test_so_are_those_of_unrelated_trees(
    base: Map, ours: Map, theirs: Map, prefix: bytes, after: bytes
) -> None:
    check_listed(base, ours, theirs, prefix, after)


def check_listed(
    base: Map, ours: Map, theirs: Map, prefix: bytes, after: bytes
) -> None:
    nodes = MemoryNodes()
    roots = [build(nodes, side, rule=SMALL).tree_id for side in (base, ours, theirs)]
    _, conflicts = merge_naively(base, ours, theirs)

    listed = list(iter_conflicts(nodes, *roots, prefix=prefix, after=after))

    assert listed == [
        each for each in conflicts if each.path.startswith(prefix) and each.path > after
    ]


def test_the_next_conflict_is_found_without_reading_the_tree() -> None:
    nodes = MemoryNodes()
    base = {b"%06d" % n: entry_of(b"%d" % n) for n in range(20_000)}
    sides = (
        base,
        base | {path: entry_of(path, "ours") for path in (*list(base)[::2], b"019999")},
        base | {path: entry_of(path, "t") for path in (b"000000", b"019999")},
    )
    roots = [build(nodes, side).tree_id for side in sides]
    nodes.reset_counts()

    found = iter_conflicts(nodes, *roots, after=b"000000")

    assert next(found).path == b"019999"
    assert next(found, None) is None
    assert nodes.read_count <= 3 * 2 * 3


def test_without_a_base_both_sides_are_added() -> None:
    nodes = MemoryNodes()
    ours, theirs = {b"a": entry_of(b"a")}, {b"b": entry_of(b"b")}
    roots = [build(nodes, side).tree_id for side in (ours, theirs)]

    merge = merge_trees(nodes, nodes, None, *roots)

    assert merge.tree is not None
    assert read_all(nodes, merge.tree.tree_id) == ours | theirs


def test_conflicts_beyond_the_limit_are_counted() -> None:
    nodes = MemoryNodes()
    count = CONFLICTS_MAX + 7
    sides = [
        {b"%05d" % n: entry_of(b"", side) for n in range(count)}
        for side in ("base", "ours", "theirs")
    ]
    roots = [build(nodes, side).tree_id for side in sides]

    merge = merge_trees(nodes, nodes, *roots)

    assert len(merge.conflicts) == CONFLICTS_MAX
    assert merge.conflict_count == count

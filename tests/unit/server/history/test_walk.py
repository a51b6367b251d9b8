"""Walks over random graphs of commits, against sets that cannot be wrong."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.history.commit import Commit, decode_commit, make_commit
from lakebed.server.history.walk import (
    find_merge_base,
    is_ancestor,
    iter_ancestors,
)
from lakebed.server.ids import CommitId, ContentId, NodeId


class Graph:
    """Commits that each have some of the earlier ones as parents."""

    def __init__(self, parents: list[list[int]]) -> None:
        self.commits: list[Commit] = []
        for number, chosen in enumerate(parents):
            # Some share every parent, so the message makes them differ.
            commit, _ = make_commit(
                tree_id=NodeId(bytes(32)),
                content_id=ContentId(bytes(32)),
                parents=tuple(self.commits[p] for p in chosen),
                committer="me",
                message=str(number),
                created_ms=0,
                metadata={},
            )
            self.commits.append(commit)
        self._by_id = {commit.id: commit for commit in self.commits}

    async def get(self, commit_id: CommitId) -> Commit:
        return self._by_id[commit_id]

    def ancestors(self, commit: Commit) -> set[CommitId]:
        found = {commit.id}
        for parent in commit.parents:
            found |= self.ancestors(self._by_id[parent])
        return found

    def best(self, ids: set[CommitId]) -> CommitId | None:
        return min(
            ids, key=lambda id_: (-self._by_id[id_].generation, id_), default=None
        )


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    parents: list[list[int]] = []
    for number in range(draw(st.integers(2, 10))):
        earlier = st.integers(0, max(0, number - 1))
        chosen = draw(st.lists(earlier, max_size=2, unique=True))
        parents.append(chosen if number else [])
    return Graph(parents)


@given(graph=graphs(), data=st.data())
async def test_each_ancestor_comes_once_and_before_its_parents(
    graph: Graph, data: st.DataObject
) -> None:
    start = data.draw(st.sampled_from(graph.commits))

    found = [commit async for commit in iter_ancestors(graph, [start.id])]

    place = {commit.id: number for number, commit in enumerate(found)}
    assert len(place) == len(found)
    assert set(place) == graph.ancestors(start)
    for commit in found:
        assert all(place[commit.id] < place[parent] for parent in commit.parents)


@given(graph=graphs(), data=st.data())
async def test_first_parents_are_a_line(graph: Graph, data: st.DataObject) -> None:
    start = data.draw(st.sampled_from(graph.commits))

    walk = iter_ancestors(graph, [start.id], first_parent=True)
    found = [commit async for commit in walk]

    for commit, after in pairwise(found):
        assert commit.parents[0] == after.id
    assert not found[-1].parents


@given(graph=graphs(), data=st.data())
async def test_the_merge_base_is_the_best_shared_ancestor(
    graph: Graph, data: st.DataObject
) -> None:
    ours, theirs = (data.draw(st.sampled_from(graph.commits)) for _ in range(2))

    found = await find_merge_base(graph, ours.id, theirs.id)

    shared = graph.ancestors(ours) & graph.ancestors(theirs)
    assert (found.id if found else None) == graph.best(shared)


@given(graph=graphs(), data=st.data())
async def test_is_ancestor_agrees_with_the_set_of_ancestors(
    graph: Graph, data: st.DataObject
) -> None:
    one, other = (data.draw(st.sampled_from(graph.commits)) for _ in range(2))

    assert await is_ancestor(graph, one, other.id) == (one.id in graph.ancestors(other))


async def test_a_merge_base_far_below_is_found_in_little_memory() -> None:
    """Only the commits that the search stands at are held, not all it has passed."""
    chain: list[tuple[CommitId, bytes]] = []
    parents: tuple[Commit, ...] = ()
    for number in range(500):
        commit, record = make_commit(
            tree_id=NodeId(bytes(32)),
            content_id=ContentId(bytes(32)),
            parents=parents,
            committer="me",
            message=str(number) * 3000,
            created_ms=0,
            metadata={},
        )
        chain.append((commit.id, record))
        parents = (commit,)
    records = dict(chain)

    class Reader:
        async def get(self, commit_id: CommitId) -> Commit:
            return decode_commit(records[commit_id])

    tracemalloc.start()
    try:
        base = await find_merge_base(Reader(), chain[0][0], chain[-1][0])
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert base is not None
    assert base.id == chain[0][0]
    assert peak_bytes < 500_000

"""From a file to all that it came from, and to all that came of it."""

from __future__ import annotations

import random
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from benchmarks.recorded import Made, Place, seal_one
from lakebed.server.history.commit import Commit
from lakebed.server.provenance.contents import find_contents
from lakebed.server.provenance.lineage import trace
from lakebed.server.provenance.lineage_nodes import Graph
from lakebed.server.refs.store import Repository
from lakebed.server.repository import commits, objects, repositories
from lakebed.server.repository.engine import Engine
from lakebed.server.repository.resolving import get_repository
from lakebed.server.runs.graph import Artifact as Node
from lakebed.server.runs.rows import Artifact
from lakebed.server.runs.statuses import How

from support.engines import make_directory, open_engine

R = "lake"


@dataclass
class Lake:
    """A lake of which commits and runs are made by what they hold."""

    engine: Engine
    where: Repository
    runs: dict[str, str] = field(default_factory=dict[str, str])
    """Names by the letters that tests call them."""
    shown: set[str] = field(default_factory=lambda: {R, "models"})

    async def commit(self, **files: str) -> Commit:
        for name, text in files.items():
            path = name.replace("__", "/").encode()
            await objects.put_object(self.engine, R, "main", path, text.encode())
        return await commits.commit_branch(
            self.engine, R, "main", message="m", actor="me"
        )

    async def place(self, commit: Commit, path: str, how: How = How.DECLARED) -> Place:
        if path == "" or path.endswith("/"):
            contents = await find_contents(self.engine, commit.tree_id, path.encode())
            identity: bytes = contents.identity
        else:
            located = await objects.stat_object(
                self.engine, R, commit.id.hex(), path.encode()
            )
            identity = located.entry.blob_id
        is_prefix = path == "" or path.endswith("/")
        made = Artifact(self.where.id, path.encode(), is_prefix, identity, 1)
        return Place(made, commit.id, R, "main", how)

    async def run(
        self,
        letter: str,
        reads: list[Place],
        writes: list[Place],
        *,
        rerun_of: str | None = None,
    ) -> None:
        first = None if rerun_of is None else self.runs[rerun_of]
        self.runs[letter] = await seal_one(
            self.engine,
            Made(R, self.where.id, letter, "c", reads, writes, rerun_of=first),
        )

    async def trace(
        self, place: Place, *, up: bool, depth: int = 100, nodes: int = 1000
    ) -> Graph:
        made = place.artifact
        return await trace(
            self.engine,
            [Node(R, made.path, made.is_prefix, made.identity)],
            is_up=up,
            depth_max=depth,
            nodes_max=nodes,
            is_shown=lambda repository, _: repository in self.shown,
            commit_id=place.commit,
        )


@pytest.fixture
async def lake() -> AsyncIterator[Lake]:
    directory = make_directory()
    async with open_engine(directory / "lake") as engine:
        await repositories.create_repository(engine, R, actor="me")
        yield Lake(engine, await get_repository(engine, R))
    shutil.rmtree(directory)


def runs_of(lake: Lake, graph: Graph) -> str:
    """Return the letters of the runs of an answer."""
    letters = {name: letter for letter, name in lake.runs.items()}
    found = [node.id for node in graph.nodes.values() if node.kind == "run"]
    return "".join(sorted(letters[each.removeprefix("run:")] for each in found))


def arrows_of(lake: Lake, graph: Graph) -> list[str]:
    """Return the edges of an answer by letters of runs and addresses of files."""
    letters = {f"run:{name}": letter for letter, name in lake.runs.items()}
    names = {id_: letters.get(id_, node.label) for id_, node in graph.nodes.items()}
    return sorted(
        f"{names[edge.source]} {edge.how} {names[edge.target]}" for edge in graph.edges
    )


def has_circle(graph: Graph) -> bool:
    """Tell whether an answer leads from something back to it."""
    left = set(graph.edges)
    while left:
        sources = {edge.source for edge in left}
        ends = {edge for edge in left if edge.target not in sources}
        if not ends:
            return True
        left -= ends
    return False


async def test_a_chain_of_runs_is_followed_both_ways(lake: Lake) -> None:
    first = await lake.commit(raw="r", other="o")
    second = await lake.commit(clean="c")
    third = await lake.commit(model="m")
    raw, clean = await lake.place(first, "raw"), await lake.place(second, "clean")
    model = await lake.place(third, "model")
    await lake.run("a", [raw], [clean])
    await lake.run("b", [clean], [model])
    await lake.run("x", [await lake.place(first, "other")], [])

    up = await lake.trace(model, up=True)
    down = await lake.trace(raw, up=False)

    assert runs_of(lake, up) == runs_of(lake, down) == "ab"
    assert {node.label for node in up.nodes.values() if node.kind == "file"} == {
        "lake/raw",
        "lake/clean",
        "lake/model",
    }
    assert set(up.edges) == set(down.edges)
    assert up.is_complete
    assert down.is_complete


async def test_who_read_a_folder_read_the_files_in_it(lake: Lake) -> None:
    old = await lake.commit(data__a="1", data__b="2", elsewhere="1 2")
    new = await lake.commit(data__b="changed")
    await lake.run("o", [await lake.place(old, "data/")], [])
    await lake.run("n", [await lake.place(new, "data/")], [])
    await lake.run("w", [await lake.place(new, "")], [])

    unchanged = await lake.trace(await lake.place(old, "data/a"), up=False)
    before = await lake.trace(await lake.place(old, "data/b"), up=False)
    after = await lake.trace(await lake.place(new, "data/b"), up=False)
    beside = await lake.trace(await lake.place(new, "elsewhere"), up=False)

    assert runs_of(lake, unchanged) == "now"
    assert runs_of(lake, before) == "o"
    assert runs_of(lake, after) == "nw"
    assert runs_of(lake, beside) == "w"


async def test_what_was_read_as_a_folder_came_from_whoever_wrote_its_files(
    lake: Lake,
) -> None:
    first = await lake.commit(data__a="1")
    second = await lake.commit(data__a="2", data__b="1")
    folder = await lake.place(second, "data/")
    await lake.run("o", [], [await lake.place(first, "data/a")])
    await lake.run("a", [], [await lake.place(second, "data/a")])
    await lake.run("b", [], [await lake.place(second, "data/b")])
    await lake.run("m", [folder], [])

    graph = await lake.trace(folder, up=True)

    # `o` wrote what is at `data/b` now, elsewhere: the same bytes are the same thing.
    assert runs_of(lake, graph) == "abo"


async def test_a_copy_elsewhere_is_the_same_thing(lake: Lake) -> None:
    first = await lake.commit(a="same")
    second = await lake.commit(b="same")
    await lake.run("w", [], [await lake.place(first, "a", How.OBSERVED)])
    await lake.run("r", [await lake.place(second, "b")], [])

    graph = await lake.trace(await lake.place(second, "b"), up=True)

    assert runs_of(lake, graph) == "w"
    assert arrows_of(lake, graph) == ["lake/a same lake/b", "w observed lake/a"]
    (copy,) = [node for node in graph.nodes.values() if node.label == "lake/a"]
    assert copy.same_as is not None
    assert graph.nodes[copy.same_as].label == "lake/b"


async def test_inputs_of_the_same_bytes_are_each_shown_at_their_address(
    lake: Lake,
) -> None:
    first = await lake.commit(pa="same", t="same", e="same", out="o")
    other = await lake.commit(copy="same")
    reads = [await lake.place(first, path) for path in ("pa", "t", "e")]
    await lake.run("r", reads, [await lake.place(first, "out")])
    await lake.run("s", [await lake.place(other, "copy")], [])

    up = await lake.trace(await lake.place(first, "out"), up=True)
    down = await lake.trace(await lake.place(first, "e"), up=False)

    assert arrows_of(lake, up) == [
        "lake/e declared r",
        "lake/pa declared r",
        "lake/t declared r",
        "r declared lake/out",
    ]
    assert up.is_complete
    # `s` read the same bytes elsewhere, and is not said to have read them at `e`.
    assert "lake/copy declared s" in arrows_of(lake, down)
    assert "lake/e declared s" not in arrows_of(lake, down)
    assert "lake/e declared r" in arrows_of(lake, down)
    # That `r` read the others as well says nothing more of `e`.
    assert not any("lake/pa" in arrow for arrow in arrows_of(lake, down))


async def test_each_use_has_the_commit_that_it_recorded(lake: Lake) -> None:
    first = await lake.commit(a="1")
    second = await lake.commit(b="2")
    await lake.run("x", [await lake.place(first, "a")], [])
    await lake.run("y", [await lake.place(second, "a")], [])

    graph = await lake.trace(await lake.place(second, "a"), up=False)

    assert {edge.commit_id for edge in graph.edges} == {first.id, second.id}
    assert sum(node.kind == "file" for node in graph.nodes.values()) == 1


@pytest.mark.parametrize("read", ["a", "in/"])
async def test_a_run_that_copies_is_no_circle(lake: Lake, read: str) -> None:
    path = "a" if read == "a" else "in/a"
    first = await lake.commit(**{path.replace("/", "__"): "same"})
    second = await lake.commit(b="same")
    source = await lake.place(first, path)
    copy = await lake.place(second, "b")
    await lake.run("c", [await lake.place(first, read)], [copy])
    await lake.run("q", [copy], [])

    for place in (source, copy):
        for up in (True, False):
            graph = await lake.trace(place, up=up)
            assert not has_circle(graph), (place, up, arrows_of(lake, graph))
    assert runs_of(lake, await lake.trace(source, up=False)) == "cq"
    assert runs_of(lake, await lake.trace(copy, up=True)) == "c"
    # What it copied from did not come of it.
    assert runs_of(lake, await lake.trace(source, up=True)) == ""
    assert runs_of(lake, await lake.trace(copy, up=False)) == "q"


async def test_what_was_written_at_a_place_is_shown_though_an_equal_one_was_met_first(
    lake: Lake,
) -> None:
    first = await lake.commit(a="same", b="same", out="o")
    a, b = await lake.place(first, "a"), await lake.place(first, "b")
    await lake.run("c", [a], [b])
    await lake.run("m", [a, b], [await lake.place(first, "out")])

    graph = await lake.trace(await lake.place(first, "out"), up=True)

    assert arrows_of(lake, graph) == [
        "c declared lake/b",
        "lake/a declared c",
        "lake/a declared m",
        "lake/b declared m",
        "m declared lake/out",
    ]


async def test_what_a_rerun_wrote_is_at_no_address_of_others(lake: Lake) -> None:
    first = await lake.commit(raw="r", out="o")
    again = await lake.commit(out="other")
    raw, out = await lake.place(first, "raw"), await lake.place(first, "out")
    await lake.run("a", [raw], [out])
    await lake.run("i", [raw], [out], rerun_of="a")
    await lake.run("d", [raw], [await lake.place(again, "out")], rerun_of="a")

    graph = await lake.trace(raw, up=False)

    marks = {
        letter: graph.nodes[f"run:{name}"].rerun_of
        for letter, name in lake.runs.items()
    }
    assert marks == {"a": None, "i": lake.runs["a"], "d": lake.runs["a"]}
    published = {
        node.label: node.commit_id
        for node in graph.nodes.values()
        if node.kind == "file" and node.is_published
    }
    assert published == {"lake/raw": first.id, "lake/out": first.id}
    (other,) = [node for node in graph.nodes.values() if not node.is_published]
    assert other.commit_id == again.id
    assert "@" not in other.id


async def test_a_circle_ends(lake: Lake) -> None:
    first = await lake.commit(a="1", b="2")
    a, b = await lake.place(first, "a"), await lake.place(first, "b")
    await lake.run("x", [a], [b])
    await lake.run("y", [b], [a])

    assert runs_of(lake, await lake.trace(a, up=True)) == "xy"
    assert runs_of(lake, await lake.trace(a, up=False)) == "xy"


async def test_what_may_not_be_read_is_not_shown_nor_passed(lake: Lake) -> None:
    first = await lake.commit(a="1", b="2")
    a, b = await lake.place(first, "a"), await lake.place(first, "b")
    await lake.run("x", [a], [b])
    lake.shown.clear()

    graph = await lake.trace(a, up=False)

    assert not graph.nodes


@pytest.mark.parametrize(("depth", "nodes"), [(2, 1000), (100, 4)])
async def test_what_is_cut_off_is_said(lake: Lake, depth: int, nodes: int) -> None:
    first = await lake.commit(**{f"f{number}": str(number) for number in range(8)})
    places = [await lake.place(first, f"f{number}") for number in range(8)]
    for number in range(7):
        await lake.run(str(number), [places[number]], [places[number + 1]])

    graph = await lake.trace(places[0], up=False, depth=depth, nodes=nodes)

    assert not graph.is_complete
    assert runs_of(lake, graph) == ("0" if depth == 2 else "01")


async def test_any_graph_is_the_closure_of_its_edges(lake: Lake) -> None:
    """Against a plain search, on random graphs of files."""
    chance = random.Random(3)
    first = await lake.commit(**{f"f{number}": str(number) for number in range(12)})
    places = [await lake.place(first, f"f{number}") for number in range(12)]
    wiring: dict[str, tuple[set[int], set[int]]] = {}
    for letter in "abcdefghij":
        reads = set(chance.sample(range(12), chance.randrange(3)))
        writes = set(chance.sample(range(12), chance.randrange(3)))
        wiring[letter] = (reads, writes)
        await lake.run(
            letter, [places[at] for at in reads], [places[at] for at in writes]
        )

    for start in range(12):
        for up in (True, False):
            graph = await lake.trace(places[start], up=up)
            assert runs_of(lake, graph) == search(wiring, start, up=up), (start, up)


def search(
    wiring: dict[str, tuple[set[int], set[int]]], start: int, *, up: bool
) -> str:
    files, found = {start}, set[str]()
    while True:
        more = {
            letter
            for letter, (reads, writes) in wiring.items()
            if files & (writes if up else reads)
        }
        if more <= found:
            return "".join(sorted(found))
        found |= more
        for letter in more:
            files |= wiring[letter][0 if up else 1]

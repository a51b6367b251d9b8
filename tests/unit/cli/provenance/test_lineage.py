"""A lineage as a tree and as the graph languages of others."""

from __future__ import annotations

import re

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from lakebed.cli.provenance.lineage import render_dot, render_mermaid, render_tree
from lakebed.client.wire import Lineage, LineageEdge, LineageNode


def node(id_: str, label: str | None = None, depth: int = 1) -> LineageNode:
    data = {"id": id_, "kind": id_.partition(":")[0], "label": label or id_}
    return msgspec.convert({**data, "depth": depth}, LineageNode)


def make_lineage(
    nodes: list[LineageNode], edges: list[tuple[str, str]], *, up: bool = True
) -> Lineage:
    return Lineage(
        subject=nodes[0].id,
        direction="up" if up else "down",
        nodes=nodes,
        edges=[
            LineageEdge(
                source=a, target=b, how="registered" if "model" in b else "declared"
            )
            for a, b in edges
        ],
        is_complete=True,
    )


OLD, NEW = "0" * 64, "1" * 64

MODEL = make_lineage(
    [
        node("model:m@1", "m@1", depth=0),
        node("run:a", "train.py"),
        node("file:1", "sales/x.csv", depth=2),
        node("file:2", "sales/y.csv", depth=2),
    ],
    [("run:a", "model:m@1"), ("file:1", "run:a"), ("file:2", "run:a")],
)


def test_the_tree_begins_at_what_was_asked_for_and_goes_up() -> None:
    assert list(render_tree(MODEL)) == [
        "model m@1",
        "+- run a  train.py  (registered)",
        "   +- file sales/x.csv  (declared)",
        "   +- file sales/y.csv  (declared)",
    ]


def test_down_follows_the_arrows() -> None:
    nodes = [node("file:1", depth=0), node("run:a"), node("run:b"), node("model:m@1")]
    edges = [("file:1", "run:a"), ("file:1", "run:b"), ("run:a", "model:m@1")]

    assert list(render_tree(make_lineage(nodes, edges, up=False))) == [
        "file file:1",
        "+- run a  run:a  (declared)",
        "|  +- model model:m@1  (registered)",
        "+- run b  run:b  (declared)",
    ]


def test_each_use_is_told_at_the_address_and_commit_that_it_recorded() -> None:
    """The bytes are equal: neither file is shown in place of the other."""
    lineage = msgspec.convert(
        {
            "subject": "x",
            "direction": "up",
            "nodes": [
                {"id": "run:a", "kind": "run", "label": "train.py", "depth": 0},
                {
                    "id": "file:1@d/e",
                    "kind": "file",
                    "label": "d/e",
                    "depth": 1,
                    "commit": OLD,
                },
                {
                    "id": "file:1@d/pa",
                    "kind": "file",
                    "label": "d/pa",
                    "depth": 1,
                    "commit": OLD,
                    "same_as": "file:1@d/e",
                },
                {
                    "id": "file:1@c/e",
                    "kind": "file",
                    "label": "c/e",
                    "depth": 1,
                    "commit": NEW,
                },
                {
                    "id": "run:b",
                    "kind": "run",
                    "label": "b.py",
                    "depth": 1,
                    "rerun_of": "a",
                },
            ],
            "edges": [
                {
                    "source": "file:1@d/e",
                    "target": "run:a",
                    "how": "observed",
                    "commit": NEW,
                },
                {
                    "source": "file:1@d/pa",
                    "target": "run:a",
                    "how": "observed",
                    "commit": OLD,
                },
                {"source": "file:1@c/e", "target": "file:1@d/e", "how": "same"},
                {
                    "source": "run:b",
                    "target": "file:1@c/e",
                    "how": "declared",
                    "commit": OLD,
                },
            ],
            "is_complete": True,
        },
        Lineage,
    )

    assert list(render_tree(lineage)) == [
        "run a  train.py",
        f"+- file d/e at {NEW[:12]}  (observed)",
        f"|  +- file c/e at {NEW[:12]}  (same content)",
        f"|     +- run b  b.py, did a again  (declared at {OLD[:12]})",
        f"+- file d/pa at {OLD[:12]}  (observed), same content as d/e",
    ]


def test_what_was_never_published_is_not_shown_as_if_it_were() -> None:
    lineage = msgspec.convert(
        {
            "subject": "run:b",
            "direction": "down",
            "nodes": [
                {"id": "run:b", "kind": "run", "label": "b.py", "rerun_of": "a"},
                {
                    "id": "file:1",
                    "kind": "file",
                    "label": "d/e",
                    "commit": OLD,
                    "depth": 1,
                    "is_published": False,
                },
            ],
            "edges": [
                {
                    "source": "run:b",
                    "target": "file:1",
                    "how": "observed",
                    "commit": OLD,
                }
            ],
            "is_complete": True,
        },
        Lineage,
    )

    assert list(render_tree(lineage)) == [
        "run b  b.py, did a again",
        f"+- file d/e at {OLD[:12]}, not published  (observed)",
    ]
    assert "not published" in "".join(render_dot(lineage))


def test_what_several_came_from_is_drawn_once() -> None:
    nodes = [node("run:c", depth=0), node("run:a"), node("run:b"), node("file:1")]
    edges = [
        ("run:a", "run:c"),
        ("run:b", "run:c"),
        ("file:1", "run:a"),
        ("file:1", "run:b"),
        ("run:a", "run:b"),
    ]

    lines = list(render_tree(make_lineage(nodes, edges)))

    assert sum("run:a" in line and "as above" not in line for line in lines) == 1
    assert sum("as above" in line for line in lines) == 1


def test_a_circle_ends() -> None:
    nodes = [node("run:a", depth=0), node("run:b"), node("run:c")]
    edges = [("run:a", "run:b"), ("run:b", "run:c"), ("run:c", "run:a")]

    lines = list(render_tree(make_lineage(nodes, edges)))

    assert [line.strip("+- |") for line in lines] == [
        "run a  run:a",
        "run c  run:c  (declared)",
        "run b  run:b  (declared)",
        "run a  run:a  (declared), as above",
    ]


def test_the_way_back_is_not_drawn() -> None:
    nodes = [node("run:a", depth=0), node("run:b")]
    edges = [("run:a", "run:b"), ("run:b", "run:a")]

    assert len(list(render_tree(make_lineage(nodes, edges)))) == 2


def test_a_chain_of_thousands_is_drawn() -> None:
    nodes = [node(f"run:{n}", depth=n) for n in range(5000)]
    edges = [(f"run:{n + 1}", f"run:{n}") for n in range(4999)]

    assert sum(1 for _ in render_tree(make_lineage(nodes, edges))) == 5000


QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')


@given(label=st.text(min_size=1))
def test_no_label_breaks_out_of_its_quotes(label: str) -> None:
    lineage = make_lineage([node("run:a", label, depth=0)], [])

    dot = list(render_dot(lineage))
    mermaid = list(render_mermaid(lineage))

    assert len(dot) == 4
    assert QUOTED.sub("", dot[2]) == "   [label=, shape=box];"
    assert len(mermaid) == 2
    assert re.fullmatch(r'  n0\["[^"<>`]*"\]', mermaid[1])


def test_graphviz_and_mermaid_get_every_node_and_arrow() -> None:
    assert list(render_dot(MODEL)) == [
        "digraph lineage {",
        "  rankdir=LR;",
        '  "model:m@1" [label="model m@1", shape=hexagon];',
        '  "run:a" [label="run a  train.py", shape=box];',
        '  "file:1" [label="file sales/x.csv", shape=note];',
        '  "file:2" [label="file sales/y.csv", shape=note];',
        '  "run:a" -> "model:m@1" [label="registered"];',
        '  "file:1" -> "run:a" [label="declared"];',
        '  "file:2" -> "run:a" [label="declared"];',
        "}",
    ]
    assert list(render_mermaid(MODEL)) == [
        "flowchart LR",
        '  n0{{"model m@1"}}',
        '  n1["run a  train.py"]',
        '  n2("file sales/x.csv")',
        '  n3("file sales/y.csv")',
        "  n1 -->|registered| n0",
        "  n2 -->|declared| n1",
        "  n3 -->|declared| n1",
    ]

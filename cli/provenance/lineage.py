"""Where something came from, or what came of it: as a tree, for Graphviz, for Mermaid.

A lineage is a graph, so that a tree shows what several things came from once, and names
it afterwards. Arrows go from what was read to what came of it, whichever way was asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..text import escape, short

if TYPE_CHECKING:
    from lakebed.client.wire import Lineage, LineageEdge, LineageNode

SHAPES = {"run": "box", "model": "hexagon", "prefix": "folder", "file": "note"}
"""Of Graphviz; what we do not know is an ellipse."""

_MERMAID_BRACKETS = {"run": ("[", "]"), "model": ("{{", "}}"), "prefix": ("[(", ")]")}
_MERMAID_ESCAPES = str.maketrans(
    {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "`": "#96;"}
)
"""What Mermaid would take for its own, or for HTML."""


def render_tree(lineage: Lineage) -> Iterator[str]:
    """Yield the lines of the tree that begins at what was asked for."""
    nodes = {node.id: node for node in lineage.nodes}
    next_ones: defaultdict[str, list[tuple[str, LineageEdge | None]]]
    next_ones = defaultdict(list)
    for each in lineage.edges:
        ends = each.source, each.target
        here, there = ends if lineage.direction == "down" else ends[::-1]
        next_ones[here].append((there, each))
    shown: set[str] = set()
    for root in _roots(lineage):
        # Not by calling itself: a chain may be longer than Python's stack.
        todo: list[tuple[str, LineageEdge | None, str, str, str]]
        todo = [(root.id, None, "", "", "")]
        while todo:
            id_, edge, lead, below, parent = todo.pop()
            told = _told(nodes, id_, edge, parent)
            children = [
                each
                for each in next_ones[id_]
                if each[0] in nodes and each[0] != parent
            ]
            if id_ in shown:
                yield f"{lead}{told}{', as above' if children else ''}"
                continue
            shown.add(id_)
            yield lead + told
            for number, (child, way) in enumerate(reversed(children)):
                lane = "   " if number == 0 else "|  "
                todo.append((child, way, f"{below}+- ", below + lane, id_))


def _told(
    nodes: Mapping[str, LineageNode], id_: str, edge: LineageEdge | None, parent: str
) -> str:
    """Return what the tree says of a node, to which `edge` leads."""
    node = nodes[id_]
    if edge is None:
        return _text(node)
    if edge.how == "same":
        return f"{_text(node)}  (same content)"
    how: str = edge.how
    if edge.commit is not None and node.kind == "run":
        # The run stands below what it read: at the commit that is shown of it, mostly.
        there = nodes[parent].commit if parent in nodes else None
        how = how if there == edge.commit else f"{how} at {short(edge.commit)}"
    same = nodes.get(node.same_as or "")
    told = f"{_text(node, edge.commit)}  ({how})"
    return told if same is None else f"{told}, same content as {escape(same.label)}"


def _roots(lineage: Lineage) -> Sequence[LineageNode]:
    return [node for node in lineage.nodes if node.depth == 0] or lineage.nodes[:1]


def _text(node: LineageNode, used_at: str | None = None) -> str:
    """Return a node in words, of a content at the commit where it was used."""
    told = f"{node.kind} {node.label}"
    if node.kind == "run":
        told = f"run {short(node.id.partition(':')[2])}  {node.label}"
        if node.rerun_of is not None:
            told += f", did {short(node.rerun_of)} again"
        return escape(told)
    if node.path is not None and node.path not in node.label:
        told += f"  {node.path}"
    commit = used_at or node.commit
    if commit is not None and commit[:7] not in told:
        told += f" at {short(commit)}"
    if not node.is_published:
        told += ", not published"
    return escape(told)


def render_dot(lineage: Lineage) -> Iterator[str]:
    """Yield the lines of the graph as Graphviz reads it."""
    yield "digraph lineage {"
    yield "  rankdir=LR;"
    for node in lineage.nodes:
        shape = SHAPES.get(node.kind, "ellipse")
        yield f"  {_quote(node.id)} [label={_quote(_text(node))}, shape={shape}];"
    for edge in lineage.edges:
        ends = f"{_quote(edge.source)} -> {_quote(edge.target)}"
        yield f"  {ends} [label={_quote(edge.how)}];"
    yield "}"


def _quote(text: str) -> str:
    escaped = escape(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def render_mermaid(lineage: Lineage) -> Iterator[str]:
    """Yield the lines of the graph as Mermaid reads it."""
    yield "flowchart LR"
    names = {node.id: f"n{number}" for number, node in enumerate(lineage.nodes)}
    for node in lineage.nodes:
        opening, closing = _MERMAID_BRACKETS.get(node.kind, ("(", ")"))
        text = _text(node).translate(_MERMAID_ESCAPES)
        yield f'  {names[node.id]}{opening}"{text}"{closing}'
    for edge in lineage.edges:
        if edge.source in names and edge.target in names:
            yield f"  {names[edge.source]} -->|{edge.how}| {names[edge.target]}"

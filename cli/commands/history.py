"""`lakebed log` and `show`: looking back at commits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..addresses import RefAddress, parse_object, parse_ref
from ..asking import ask
from ..changes import CONTEXT_LINES, Patch, print_changes
from ..completing import complete_path_beside
from ..graph import Graph
from ..output import (
    as_json,
    is_terminal,
    paint,
    paint_lanes,
    print_document,
    print_json,
    print_line,
)
from ..text import escape, escape_lines, format_time, short
from ..times import parse_moment

if TYPE_CHECKING:
    from lakebed.client import AsyncClient
    from lakebed.client.wire import Commit, Diff

DECORATIONS_MAX = 1000
"""Branches, and as many tags, whose names are shown beside commits: a page of each."""


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("log")(log)
    app.command("show")(show)


def log(
    ref: options.Place,
    path: Annotated[
        str,
        typer.Argument(
            metavar="PATH",
            help="Only commits that changed this object, or something below it; as "
            "REPO/REF/PATH too",
            show_default=False,
            autocompletion=complete_path_beside,
        ),
    ] = "",
    count: options.Count = None,
    oneline: Annotated[
        bool, typer.Option("--oneline", help="One line a commit")
    ] = False,
    graph: Annotated[
        bool, typer.Option("--graph", help="Draw how commits descend from each other")
    ] = False,
    first_parent: Annotated[
        bool, typer.Option("--first-parent", help="Do not follow merged branches")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="WHEN",
            help="Only commits made since: 2026-11-01, 3d, '2 weeks ago', yesterday",
            show_default=False,
        ),
    ] = None,
    decorate: Annotated[
        bool | None,
        typer.Option(
            "--decorate/--no-decorate",
            help="Name branches and tags beside commits; if not said, on a terminal",
            show_default=False,
        ),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show the commits that led to a ref, newest first."""
    at = parse_object(ref)
    if at.path and path:
        raise typer.BadParameter(f"'{at.path}' and '{path}' are two paths: give one")
    path = path or at.path
    if graph and path:
        raise typer.BadParameter(
            "--graph draws every commit, and a path leaves some out: give one of them"
        )
    moment = parse_moment(since, "--since") if since is not None else None
    is_prefix = path.endswith("/")

    def commits(lake: AsyncClient) -> AsyncIterator[Commit]:
        return lake.iter_log(
            at.repository,
            at.ref,
            paths=[path] if path and not is_prefix else [],
            prefixes=[path if is_prefix else f"{path}/"] if path else [],
            first_parent=first_parent,
            since=moment,
            limit=count,
        )

    async def work(lake: AsyncClient) -> None:
        if as_document:
            await print_document(commits(lake))
            return
        wants_names = is_terminal() if decorate is None else decorate
        names = await _find_names(lake, at.at) if wants_names else {}
        printer = _Printer(names, oneline=oneline, graph=Graph() if graph else None)
        async for made in commits(lake):
            parents = made.parents[:1] if first_parent else made.parents
            printer.print(made, parents)

    ask(server, work)


async def _find_names(lake: AsyncClient, at: RefAddress) -> Mapping[str, Sequence[str]]:
    """Return the names of branches and tags by the id of the commit they point to."""
    names: defaultdict[str, list[str]] = defaultdict(list)
    branches = lake.iter_branches(at.repository, limit=DECORATIONS_MAX)
    async for found in branches:
        names[found.commit_id].append(escape(found.id))
    async for found in lake.iter_tags(at.repository, limit=DECORATIONS_MAX):
        names[found.commit_id].append(f"tag: {escape(found.id)}")
    return names


class _Printer:
    """Prints commits one after the other."""

    def __init__(
        self,
        names: Mapping[str, Sequence[str]],
        *,
        oneline: bool,
        graph: Graph | None,
    ) -> None:
        self._names = names
        self._oneline = oneline
        self._graph = graph
        self._is_first = True

    def print(self, made: Commit, parents: Sequence[str]) -> None:
        """Print a commit, beside its part of the graph."""
        names = ", ".join(self._names.get(made.id, ()))
        lines = [oneline_of(made, names)] if self._oneline else describe(made, names)
        if self._graph is None:
            if not self._oneline and not self._is_first:
                lines = ["", *lines]
            for line in lines:
                print_line(line)
        else:
            if not self._oneline:
                lines.append("")
            drawn = self._graph.add(made.id, parents)
            for lanes, line in drawn.beside_lines(lines):
                print_line(f"{paint_lanes(lanes)} {line}".rstrip())
        self._is_first = False


def oneline_of(made: Commit, names: str = "") -> str:
    """Return a commit in one line, as Git shows it."""
    subject = made.message.partition("\n")[0]
    shown = paint(f" ({names})", "cyan") if names else ""
    return f"{paint(short(made.id), 'yellow')}{shown} {escape(subject)}".rstrip()


def describe(made: Commit, names: str = "") -> list[str]:
    """Return the lines that tell of a commit, as Git does."""
    shown = paint(f" ({names})", "cyan") if names else ""
    lines = [paint(f"commit {made.id}", "yellow") + shown]
    if len(made.parents) > 1:
        lines.append("Merge:  " + " ".join(short(parent) for parent in made.parents))
    lines.append(f"Author: {escape(made.committer)}")
    lines.append(f"Date:   {format_time(made.creation_date)}")
    lines += [
        f"Meta:   {escape(key)}={escape(value)}"
        for key, value in sorted(made.metadata.items())
    ]
    lines.append("")
    lines += [
        f"    {line}".rstrip()
        for line in escape_lines(made.message).splitlines() or [""]
    ]
    return lines


def show(
    ref: options.Ref,
    stat: options.Stat = False,
    name_only: options.NameOnly = False,
    patch: options.ShowPatch = False,
    context: options.Unified = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Show a commit, and what it changed against its first parent."""
    address = parse_ref(ref)

    async def work(lake: AsyncClient) -> None:
        made = await lake.get_commit(address.repository, address.ref)
        if as_document:
            changes = [as_json(one) async for one in _changes(lake, address, made)]
            print_json({"commit": made, "changes": changes})
            return
        for line in describe(made):
            print_line(line)
        if not made.parents:
            return
        print_line("")
        sides: Patch | None = None
        if patch or context is not None:
            before, after = f"{made.id}~1", made.id
            lines = CONTEXT_LINES if context is None else context
            sides = Patch(lake, address.repository, before, after, lines)
        await print_changes(
            _changes(lake, address, made),
            stat=stat,
            name_only=name_only,
            patch=sides,
        )

    ask(server, work)


async def _changes(
    lake: AsyncClient, address: RefAddress, made: Commit
) -> AsyncIterator[Diff]:
    """Yield what `made`, the commit at `address`, changed against its first parent."""
    from lakebed.client import PermissionDeniedError

    if not made.parents:
        return
    repository, sides = address.repository, (made.parents[0], made.id)
    try:
        async for change in lake.iter_diff(repository, *sides, with_left_size=True):
            yield change
    except PermissionDeniedError:
        # Whoever was granted some refs only may not name commits by their ids.
        name = address.ref.rstrip("@$")
        sides = f"{name}^1", f"{name}^0"
        async for change in lake.iter_diff(repository, *sides, with_left_size=True):
            yield change

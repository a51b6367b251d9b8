"""Which output of a run becomes a version, and the tree of exactly its files.

Nothing of the bytes is read or copied: the tree has the same entries under shorter paths.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ..errors import InvalidValueError, MissingDataError, UnusableRunError
from ..history.traces import Traces
from ..ids import CommitId, NodeId
from ..repository.engine import Engine
from ..repository.paths import encode_path, show_path
from ..repository.publishing import Built, NewNodes, build_nodes
from ..runs.rows import EdgeRow
from ..tree.edit import build_tree
from ..tree.entry import pack_entry
from ..tree.lookup import find_entry
from ..tree.node import Row, Tree
from ..tree.subtree import batch_rows, iter_below

SHOWN_MAX = 10
"""Outputs in a message of one line."""
_SCHEME = "lakebed://"


@dataclass(frozen=True, slots=True)
class Output:
    """What a run published: an object, or all below a prefix."""

    repository_id: int
    repository: str
    branch: str
    commit_id: CommitId
    path: bytes
    is_prefix: bool
    identity: bytes | None
    """As the run recorded it; None: it did not record just this."""

    @classmethod
    def of(cls, edge: EdgeRow) -> Output:
        """Return the output that is kept as `edge`."""
        artifact = edge.artifact
        return cls(
            artifact.repository_id,
            edge.repository,
            edge.ref,
            edge.commit,
            artifact.path,
            artifact.is_prefix,
            artifact.identity,
        )

    def below(self, path: bytes, *, is_prefix: bool) -> Output:
        """Return what lies at `path` beside or within this, of the same commit."""
        return replace(self, path=path, is_prefix=is_prefix, identity=None)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What of a run becomes a version."""

    output: Output
    """Where it lies; `path` is what was asked for, which may be less or more."""
    files: tuple[bytes, ...] | None = None
    """The paths that count; None: the object, or all below the prefix."""


@dataclass(frozen=True, slots=True)
class Files:
    """The tree of a version."""

    output: Output
    """What it is of: as it was chosen, with its identity."""
    built: Built

    @property
    def count(self) -> int:
        """How many files there are."""
        return self.built.tree.entry_count

    @property
    def size_bytes(self) -> int:
        """How large they are together."""
        return self.built.tree.byte_total


def choose_output(run: str, outputs: Sequence[Output], wanted: str | None) -> Chosen:
    """Return what `wanted` means among the `outputs` of `run`, which go by path.

    None means the only one. A path names an output, something below one that is a
    prefix, or all outputs below it; with `lakebed://REPO/BRANCH/` before it only those
    of that branch count.

    Raises:
        UnusableRunError: the run has no output.
        InvalidValueError: there is no such output, or there are several.
    """
    if not outputs:
        raise UnusableRunError(
            run, f"cannot make a version of run '{run}': it has no outputs"
        )
    if wanted is None:
        found = _find_outermost(outputs)
        if len(found) > 1:
            raise _ambiguous(run, found, "it has several outputs: name one as 'path'")
        return Chosen(found[0])
    path = wanted
    if wanted.startswith(_SCHEME):
        repository, _, rest = wanted.removeprefix(_SCHEME).partition("/")
        branch, _, path = rest.partition("/")
        outputs = [
            o for o in outputs if (o.repository, o.branch) == (repository, branch)
        ]
    name = encode_path(path) if path else b""
    for find_all in (_find_named, _find_around, _find_below):
        choices = find_all(outputs, name)
        if len(choices) > 1:
            raise _ambiguous(
                run,
                [choice.output for choice in choices],
                f"'{path}' is in several places: write one as "
                "'lakebed://REPO/BRANCH/PATH'",
            )
        if choices:
            return choices[0]
    raise InvalidValueError(
        "path", f"run '{run}' has no output '{wanted}'{_list(outputs)}", value=wanted
    )


def _find_outermost(outputs: Iterable[Output]) -> list[Output]:
    """Return the outputs that lie below no other one; they come by path."""
    around: dict[tuple[int, bytes], Output] = {}
    found: list[Output] = []
    for output in outputs:
        place = (output.repository_id, output.commit_id)
        outer = around.get(place)
        if outer is not None and output.path.startswith(outer.path):
            continue
        found.append(output)
        if output.is_prefix:
            around[place] = output
    return found


def _find_named(outputs: Sequence[Output], name: bytes) -> list[Chosen]:
    exact = [o for o in outputs if o.path == name]
    if not exact:
        exact = [o for o in outputs if o.is_prefix and o.path == name + b"/"]
    return [Chosen(output) for output in exact]


def _find_around(outputs: Sequence[Output], name: bytes) -> list[Chosen]:
    """Return `name` in each outermost prefix that it lies below."""
    around = [
        output
        for output in _find_outermost(outputs)
        if output.is_prefix and name.startswith(output.path)
    ]
    is_prefix = name.endswith(b"/")
    return [Chosen(output.below(name, is_prefix=is_prefix)) for output in around]


def _find_below(outputs: Sequence[Output], name: bytes) -> list[Chosen]:
    """Return the files below `name`, for each commit that has some."""
    prefix = name if not name or name.endswith(b"/") else name + b"/"
    by_place: dict[tuple[int, bytes], list[Output]] = {}
    for output in outputs:
        if output.path.startswith(prefix) and not output.is_prefix:
            place = (output.repository_id, output.commit_id)
            by_place.setdefault(place, []).append(output)
    return [
        Chosen(
            found[0].below(prefix, is_prefix=True), tuple(each.path for each in found)
        )
        for found in by_place.values()
    ]


def _ambiguous(run: str, outputs: Sequence[Output], why: str) -> InvalidValueError:
    return InvalidValueError(
        "path", f"cannot make a version of run '{run}': {why}{_list(outputs)}"
    )


def _list(outputs: Sequence[Output]) -> str:
    shown = [
        f"'{_SCHEME}{o.repository}/{o.branch}/{show_path(o.path)}'"
        for o in outputs[:SHOWN_MAX]
    ]
    if not shown:
        return ""
    more = len(outputs) - len(shown)
    return f" (there is {', '.join(shown)}{f' and {more} more' if more else ''})"


async def build_files(
    engine: Engine, run: str, tree_id: NodeId, chosen: Chosen
) -> Files:
    """Build the tree of the files of `chosen`, which lie in the tree `tree_id`.

    Raises:
        InvalidValueError: there is nothing.
        MissingDataError: it is not what the run recorded.
    """
    output = chosen.output

    def build(nodes: NewNodes, traces: Traces) -> Tree:
        nonlocal output
        del traces  # of a commit without a parent all may be new
        output, rows = _find_rows(engine, run, tree_id, chosen)
        return build_tree(engine.nodes, nodes.sink, batch_rows(rows))

    built = await build_nodes(engine, build)
    if not built.tree.entry_count:
        raise InvalidValueError(
            "path",
            f"run '{run}' has no output '{show_path(output.path)}': nothing is there",
        )
    if output.identity is None:
        output = replace(output, identity=built.tree.content_id)
    return Files(output, built)


def _find_rows(
    engine: Engine, run: str, tree_id: NodeId, chosen: Chosen
) -> tuple[Output, Iterator[Row]]:
    """Return what is chosen, an object or a prefix, and the rows of it; blocks."""
    output = chosen.output
    if output.is_prefix:
        files = None if chosen.files is None else frozenset(chosen.files)
        return output, iter_below(engine.nodes, tree_id, output.path, files)
    entry = find_entry(engine.nodes, tree_id, output.path)
    if entry is not None:
        name = output.path.rpartition(b"/")[2] or output.path
        output = replace(output, identity=entry.blob_id)
        return output, iter([(name, pack_entry(entry))])
    if output.identity is None:
        # What lies below a prefix that was declared may be a folder itself.
        folder = output.below(output.path + b"/", is_prefix=True)
        return folder, iter_below(engine.nodes, tree_id, folder.path)
    raise MissingDataError(
        f"output '{show_path(output.path)}' of run '{run}' is not in its commit"
    )

"""The groups of the document, by the modules of the handlers."""

from __future__ import annotations

from dataclasses import dataclass

from ..routing import Route


@dataclass(frozen=True, slots=True)
class Tag:
    """A group of operations."""

    name: str
    description: str


_OBJECTS = Tag(
    "objects",
    "Objects at a ref: reading, listing, measuring; and writing them on a branch, where "
    "they stay uncommitted until a commit.",
)
_RUNS = Tag(
    "runs",
    "What produced what: executions, what they read, wrote and needed.",
)
_TAGS = {
    "service": Tag("server", "The server itself, and who is asking."),
    "people": Tag("people", "Users, their access keys, and what they may do where."),
    "repositories": Tag("repositories", "Named histories of data."),
    "branches": Tag(
        "branches",
        "Refs that move: making and deleting them, throwing changes away, and the log of "
        "what moved them.",
    ),
    "commits": Tag("commits", "Making commits, and the history that they form."),
    "merges": Tag("merges", "What differs between two refs, and bringing it together."),
    "tags": Tag("tags", "Refs that do not move."),
    "runs": _RUNS,
    "tracing": _RUNS,
    "models": Tag(
        "models",
        "Models, whose versions are outputs of sealed runs, and the aliases that move "
        "over them. The files of a version are read in the repository `models`.",
    ),
    "later": Tag(
        "not built", "Operations of the lakeFS API that are known, and missing."
    ),
    "objects": _OBJECTS,
    "bundles": _OBJECTS,
    "gathering": _OBJECTS,
    "writing": _OBJECTS,
}


def tag_of(route: Route) -> Tag:
    """Return the group of `route`; one that is not told of has its module's name."""
    module = route.handler.__module__.rpartition(".")[2]
    return _TAGS.get(module) or Tag(module, "")

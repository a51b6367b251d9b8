"""The parameters of an operation: names of its path, its query, its headers."""

from __future__ import annotations

from ..headers import IDEMPOTENCY_KEY, Header
from ..routing import Route
from .examples import example_of_name
from .schemas import Schema, describe_flat

_EXPRESSION = (
    "A ref expression: a branch, a tag, a commit id or its beginning, `main~2`, `main@` "
    "(without uncommitted changes)."
)
_NAMES = {
    "repository": "Name of the repository.",
    "branch": "Name of the branch.",
    "tag": "Name of the tag.",
    "name": "Name of the branch or tag.",
    "commit": f"The commit. {_EXPRESSION}",
    "ref": _EXPRESSION,
    "left": f"The side to compare with. {_EXPRESSION}",
    "right": f"The side that is looked at. {_EXPRESSION}",
    "source": f"What is merged. {_EXPRESSION}",
    "destination": "The branch that it is merged into.",
    "user": "Name of the user.",
    "key": "Id of the access key.",
    "upload": "Id of the upload.",
    "part": "Number of the part.",
    "run": "Id of the run.",
    "model": "Name of the model.",
    "version": "The version: its number, or an alias.",
    "alias": "Name of the alias.",
    "hook_run": "Id of the run of one hook.",
    "pull": "Id of the pull request.",
    "group": "Name of the group.",
    "policy": "Name of the policy.",
}
"""What the names in templates stand for."""


def describe_parameters(route: Route) -> list[Schema]:
    """Return the parameters of `route`, in the order path, query, headers."""
    query = describe_flat(route.models[0])
    headers = (*route.headers, *((IDEMPOTENCY_KEY,) if route.is_idempotent else ()))
    return [
        *(_describe_name(name, route.name) for name in route.names),
        *(
            _describe_field(name, schema, query["required"], route.name)
            for name, schema in query["properties"].items()
        ),
        *(_describe_header(header) for header in headers),
    ]


def _describe_name(name: str, operation: str) -> Schema:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": _NAMES.get(name, ""),
        "schema": {"type": "string", "minLength": 1},
        "example": example_of_name(name, operation),
    }


def _describe_field(
    name: str, schema: Schema, needed: list[str], operation: str
) -> Schema:
    description = schema.pop("description", "")
    parameter = {
        "name": name,
        "in": "query",
        "required": name in needed,
        "description": description,
        "schema": schema,
    }
    if name in needed:
        parameter["example"] = example_of_name(name, operation)
    return parameter


def _describe_header(header: Header) -> Schema:
    return {
        "name": header.name,
        "in": "header",
        "description": header.description,
        "schema": {"type": "string"},
    }

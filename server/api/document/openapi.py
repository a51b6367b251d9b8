"""The OpenAPI document: what the table says, for programs.

OpenAPI 3.1. It is written from the rows of the table, the shapes of queries and bodies,
and the signatures and docstrings of the handlers; nothing of an operation is said here.
Operations that the lakeFS API has too are called as there, so that generated clients have
the methods that people know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from lakebed.client.wire.routes import BASE

from ..routing import Route
from .failures import describe_problems
from .operations import describe_operation, iter_types
from .schemas import Schemas
from .tags import Tag, tag_of

_ABOUT = """\
Git for data: repositories with branches, commits and tags over objects.

Compatible with the lakeFS API where the two overlap; lakebed is an independent \
implementation and not affiliated with Treeverse.

**Names** in the path are percent-encoded UTF-8, each by itself. Parameters that an \
operation does not have are passed over; one that it has may come once, unless it is a \
list. **Bodies** are JSON of at most 4 MiB; a field that is missing, wrong or unknown is \
a 400 that names it in `field`. Times called `..._date` and `mtime` are Unix seconds. \
**Pages**: pass `next_offset` as `after` until `has_more` is false; a page may have fewer \
results than `amount`, and not be the last. **Errors** have a `code` that stays what it \
is. What the lakeFS API does not have is marked as ours; what it has and we have not \
built answers 501.
"""


def describe(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """Return the document of `routes`, in what JSON knows.

    Raises:
        TypeError: a handler does not say what the document needs.
    """
    schemas = Schemas(kind for route in routes for kind in iter_types(route))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = route.template.removeprefix(BASE)
        operation = describe_operation(route, schemas)
        paths.setdefault(path, {})[route.method.lower()] = operation
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "lakebed",
            "version": version,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": BASE}],
        "security": [{"basic": []}, {"bearer": []}],
        "tags": [
            {"name": tag.name, "description": tag.description}
            for tag in _order_tags(routes)
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.components | describe_problems(),
            "securitySchemes": {
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "Access key id and secret access key.",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token.",
                },
            },
        },
    }
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return plain


def _order_tags(routes: Sequence[Route]) -> list[Tag]:
    return list(dict.fromkeys(tag_of(route) for route in routes))

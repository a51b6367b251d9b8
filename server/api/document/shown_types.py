"""Schemas in a few words, as a cell of a table has room for."""

from __future__ import annotations

import json
from typing import Any

from .markup import code, escape


def resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return the component that `schema` refers to, or `schema` itself."""
    if "$ref" not in schema:
        return schema
    component: dict[str, Any] = document["components"]["schemas"][_name_of(schema)]
    return component


def link_schema(schema: dict[str, Any]) -> str:
    """Return a link to the component that `schema` refers to."""
    name = escape(_name_of(schema))
    return f'<a href="#{name}">{name}</a>'


def _name_of(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def show_type(schema: dict[str, Any]) -> str:
    """Return what a value of `schema` may be, and its default."""
    shown = _show_kind(schema)
    bounds = _show_bounds(schema)
    default = schema.get("default")
    if default not in (None, "", []):
        word = default if isinstance(default, str) else json.dumps(default)
        bounds.append(f"{code(word)} if not given")
    extra = f', <span class="quiet">{", ".join(bounds)}</span>' if bounds else ""
    return shown + extra


def _show_kind(schema: dict[str, Any]) -> str:
    match schema:
        case {"$ref": _}:
            return link_schema(schema)
        case {"allOf": [first, *_]}:
            return _show_kind(first)
        case {"anyOf": choices}:
            others = [each for each in choices if each != {"type": "null"}]
            shown = [_show_kind(each) for each in others if each != {"enum": [""]}]
            return " or ".join([*shown, *["null"] * (len(others) < len(choices))])
        case {"enum": words}:
            return " or ".join(code(json.dumps(word).strip('"')) for word in words)
        case {"type": "array", "items": item}:
            return f"list of {_show_kind(item)}"
        case {"type": "object", "additionalProperties": item} if item:
            return f"map to {_show_kind(item)}"
        case {"format": "binary"}:
            return "bytes"
        case {"type": str(kind)}:
            return _WORDS.get(kind, kind)
        case _:
            return "anything"


_WORDS = {"string": "text", "boolean": "true or false"}


def _show_bounds(schema: dict[str, Any]) -> list[str]:
    bounds: list[str] = []
    if "minimum" in schema and "maximum" in schema:
        bounds.append(f"{schema['minimum']} to {schema['maximum']}")
    if "maxLength" in schema:
        bounds.append(f"up to {schema['maxLength']} characters")
    if "maxItems" in schema:
        bounds.append(f"up to {schema['maxItems']} times")
    return bounds

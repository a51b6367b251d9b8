"""JSON schemas of the bodies: those of msgspec, with names and words for readers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeAlias, cast, get_origin

import msgspec
import msgspec.inspect

from .prose import read_field_docs

Schema: TypeAlias = dict[str, Any]

_PLACE = "#/components/schemas/"
_PAGE = re.compile(r"Page_(\w+)_")


class Schemas:
    """The schemas of a set of types, and the components that they refer to."""

    def __init__(self, types: Iterable[Any]) -> None:
        """Describe `types`: bodies, pages of bodies, or what JSON knows."""
        self._types = list(dict.fromkeys(types))
        schemas, components = msgspec.json.schema_components(
            self._types, ref_template=f"{_PLACE}{{name}}"
        )
        for struct in _find_structs(self._types):
            _add_words(components, struct)
        self._schemas = [_rename(schema) for schema in schemas]
        self.components: dict[str, Schema] = dict(sorted(_rename(components).items()))

    def of(self, kind: Any) -> Schema:
        """Return the schema of one of the types."""
        schema: Schema = self._schemas[self._types.index(kind)]
        return schema


def describe_flat(struct: type[msgspec.Struct]) -> Schema:
    """Return the schema of a `struct` that refers to no other, as a query is."""
    _, components = msgspec.json.schema_components([struct])
    _add_words(components, struct)
    described: Schema = components[struct.__name__]
    return described


def refer(name: str) -> Schema:
    """Return a reference to the component `name`."""
    return {"$ref": f"{_PLACE}{name}"}


def _find_structs(types: Iterable[Any]) -> set[type[msgspec.Struct]]:
    found: set[type[msgspec.Struct]] = set()
    seen: set[Any] = set()
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(types))
    while waiting:
        match waiting.pop():
            case msgspec.inspect.StructType(cls=kind, fields=fields):
                if kind not in seen:
                    seen.add(kind)
                    found.add(get_origin(kind) or kind)
                    waiting += [field.type for field in fields]
            case msgspec.inspect.UnionType(types=members):
                waiting += members
            case (
                msgspec.inspect.ListType(item_type=item)
                | msgspec.inspect.VarTupleType(item_type=item)
                | msgspec.inspect.DictType(value_type=item)
            ):
                waiting.append(item)
            case _:
                pass
    return found


def _add_words(components: dict[str, Schema], struct: type[msgspec.Struct]) -> None:
    """Put what `struct` says of its fields where its schema is."""
    docs = read_field_docs(struct)
    for name, component in components.items():
        if name == struct.__name__ or name.startswith(f"{struct.__name__}_"):
            component.pop("title", None)
            for field, schema in component["properties"].items():
                if field in docs:
                    schema["description"] = docs[field]


def _rename(value: Any) -> Any:
    """Return `value` with each page called as in the lakeFS API: `CommitList`."""
    match value:
        case str():
            return _PAGE.sub(r"\1List", value)
        case dict():
            fields = cast("dict[str, Any]", value)
            return {_rename(name): _rename(item) for name, item in fields.items()}
        case [*items]:
            return [_rename(item) for item in items]
        case _:
            return value

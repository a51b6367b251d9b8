"""Under which name a request has a value that the engine refused.

The engine speaks of a `path` and a `ref`; the request may call it `src_path` or `source`,
or have it in a list. Whoever sent it looks for their own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

import msgspec

from ..errors import InvalidValueError
from .call import Call


def name_field(error: InvalidValueError, call: Call[Any, Any]) -> None:
    """Let `error` name its field as the request of `call` does, if it is found there."""
    if error.value is None:
        return
    found = [field for field, value in _iter_texts(call) if value == error.value]
    if found and error.field not in found:
        error.field = found[0]


def _iter_texts(call: Call[Any, Any]) -> Iterator[tuple[str, str]]:
    """Yield every text of the request, with its name: body, query, then path.

    What is in the body is wrong the most often, and the path was looked at first.
    """
    for part in (call.body, call.query):
        if isinstance(part, msgspec.Struct):
            for field in msgspec.structs.fields(part):
                value = getattr(part, field.name)
                if field.required or value != field.default:  # else nobody sent it
                    yield from _walk(field.encode_name, msgspec.to_builtins(value))
    yield from call.names.items()


def _walk(place: str, value: Any) -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield place, value
        case dict():
            for name, item in cast("dict[str, Any]", value).items():
                yield place, name
                yield from _walk(f"{place}.{name}", item)
        case list() | tuple():
            for number, item in enumerate(cast("Sequence[Any]", value)):
                yield from _walk(f"{place}[{number}]", item)
        case _:
            pass

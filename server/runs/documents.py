"""JSON in canonical bytes, and the typed values of parameters: docs/format/run.md.

There are no floats and no maps in canonical bytes: a float is 8 bytes, an object pairs
in the order of their keys, and an array says that it is one.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, TypeAlias, cast

from lakebed.client.wire.runs import ParamValue

from ..errors import CorruptDataError, InvalidValueError

Canonical: TypeAlias = "bool | int | str | bytes | tuple[Canonical, ...] | None"

DEPTH_MAX = 32
"""Arrays and objects in each other: no configuration that a person wrote has so many."""
INT_MAX = 2**63 - 1
"""What a row keeps; what is larger is refused, not cut."""

_ARRAY, _OBJECT = 0, 1


class ValueType(IntEnum):
    """Types of parameters, as the rows number them."""

    NULL = 0
    BOOL = 1
    INT = 2
    FLOAT = 3
    STR = 4


def to_canonical(field: str, value: object, depth: int = 0) -> Canonical:
    """Return a JSON value as canonical bytes have it; `field` names it in errors.

    Raises:
        InvalidValueError: a number has more than 64 bits, or it is too deep.
    """
    if depth > DEPTH_MAX:
        raise InvalidValueError(field, f"'{field}' is more than {DEPTH_MAX} deep")
    match value:
        case None | bool() | str():
            return value
        case int():
            return check_int(field, value)
        case float():
            return struct.pack(">d", value)
        case list() | tuple():
            items = cast("list[object]", value)
            return _ARRAY, tuple(to_canonical(field, each, depth + 1) for each in items)
        case dict():
            pairs = cast("dict[str, object]", value)
            return _OBJECT, tuple(
                (name, to_canonical(field, pairs[name], depth + 1))
                for name in sorted(pairs)
            )
        case _:
            raise InvalidValueError(field, f"'{field}' holds what is no JSON")


def from_canonical(value: Canonical) -> Any:
    """Return the JSON value that `to_canonical` made `value` of.

    Raises:
        CorruptDataError: it made no such thing.
    """
    match value:
        case None | bool() | str() | int():
            return value
        case bytes():
            return _read_float(value)
        case (int(kind), tuple(items)) if kind == _ARRAY:
            return [from_canonical(each) for each in items]
        case (int(kind), tuple(items)) if kind == _OBJECT:
            return dict(_read_pair(pair) for pair in items)
        case _:
            raise CorruptDataError("record holds a document that is malformed")


def _read_pair(pair: Canonical) -> tuple[str, Any]:
    match pair:
        case (str(name), value):
            return name, from_canonical(value)
        case _:
            raise CorruptDataError("record holds an object that is malformed")


def _read_float(data: bytes) -> float:
    if len(data) != 8:
        raise CorruptDataError(f"record holds a float of {len(data)} bytes")
    (value,) = struct.unpack(">d", data)
    return float(value)


def check_int(field: str, value: int) -> int:
    """Return `value` if a row keeps it.

    Raises:
        InvalidValueError: it has more than 64 bits.
    """
    if not -INT_MAX - 1 <= value <= INT_MAX:
        raise InvalidValueError(field, f"a number of '{field}' has more than 64 bits")
    return value


def type_of(value: ParamValue) -> ValueType:
    """Return the type of the value of a parameter."""
    match value:
        case None:
            return ValueType.NULL
        case bool():
            return ValueType.BOOL
        case int():
            return ValueType.INT
        case float():
            return ValueType.FLOAT
        case str():
            return ValueType.STR


def value_of(kept: object, kind: int) -> ParamValue:
    """Return the value that a row keeps as `kept`, of the type numbered `kind`.

    Raises:
        CorruptDataError: a row never keeps it so.
    """
    match ValueType(kind), kept:
        case ValueType.NULL, None:
            return None
        case ValueType.BOOL, str():
            return kept == "true"
        case ValueType.INT, int():
            return kept
        case ValueType.FLOAT, float() | int():
            return float(kept)
        case ValueType.STR, str():
            return kept
        case _:
            raise CorruptDataError(f"a parameter is kept as {kept!r}")


def kept_as(value: ParamValue) -> int | float | str | None:
    """Return how a row keeps the value of a parameter: booleans as texts."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def sort_params(params: Mapping[str, ParamValue]) -> tuple[tuple[str, Canonical], ...]:
    """Return parameters as the record has them."""
    return tuple(
        (name, to_canonical("params", params[name])) for name in sorted(params)
    )

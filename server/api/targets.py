"""Request targets: paths cut into names, queries into parameters, both decoded strictly.

Everything works on the raw target as it came over the wire, because a `%2F` inside of a
name must not become a separator and because two ways to read one target are one too
many. What is not clean percent-encoded UTF-8 is refused, never repaired.
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar
from urllib.parse import unquote_to_bytes

import msgspec
import msgspec.inspect
from lakebed.client.wire import explain

from ..errors import InvalidValueError

Q = TypeVar("Q", bound=msgspec.Struct)

_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})", re.ASCII)


def split_target(target: str) -> tuple[str, str]:
    """Return the path and the query of a request target, both still encoded.

    Raises:
        InvalidValueError: the target has bytes outside of ASCII, which no correct
            client sends: they must be percent-encoded.
    """
    if not target.isascii():
        raise InvalidValueError("target", "request target is not percent-encoded")
    path, _, query = target.partition("?")
    return path, query.partition("#")[0]


def decode_component(text: str, field: str) -> str:
    """Return `text` percent-decoded; `field` names it in the error.

    Raises:
        InvalidValueError: an escape is broken, or the bytes are not UTF-8.
    """
    if "%" not in text:
        return text
    if _BROKEN_ESCAPE.search(text):
        raise InvalidValueError(field, f"'{field}' has a broken percent escape")
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise InvalidValueError(field, f"'{field}' is not valid UTF-8") from None


class QueryReader(Generic[Q]):
    """Reads the query of a request into a struct: its fields are the parameters.

    Parameters that the struct does not have are passed over, as HTTP servers do and as
    clients of lakeFS need (they send some that change nothing here). One that it has may
    come once only, unless it is a list: who checks the one and who uses the other would
    be two different readers.
    """

    __slots__ = ("_default", "_is_list", "_shape")

    def __init__(self, shape: type[Q]) -> None:
        self._shape = shape
        described = msgspec.inspect.type_info(shape)
        assert isinstance(described, msgspec.inspect.StructType)
        fields = described.fields
        self._is_list = {
            field.encode_name: isinstance(field.type, msgspec.inspect.VarTupleType)
            for field in fields
        }
        self._default = None if any(field.required for field in fields) else shape()

    def read(self, query: str) -> Q:
        """Return the parameters of `query`, which is still encoded.

        Raises:
            InvalidValueError: a parameter is missing, wrong, broken or doubled.
        """
        if not query and self._default is not None:
            return self._default
        try:
            return msgspec.convert(self._collect(query), self._shape, strict=False)
        except msgspec.ValidationError as error:
            problem = explain(error, what="parameter")
            raise InvalidValueError(problem.field, str(problem)) from None

    def _collect(self, query: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for pair in query.split("&"):
            encoded_name, _, encoded = pair.partition("=")
            name = decode_component(encoded_name, "query")
            is_list = self._is_list.get(name)
            if is_list is None:
                continue
            value = decode_component(encoded.replace("+", " "), name)
            if is_list:
                values.setdefault(name, []).append(value)
            elif name in values:
                raise InvalidValueError(name, f"parameter '{name}' is given twice")
            else:
                values[name] = value
        return values

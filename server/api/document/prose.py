"""What the code says of itself, read where it stands: docstrings of handlers and fields.

A sentence is written once, beside what it is about, and cannot be forgotten there when
that changes. Fields have their docstrings below them, which Python does not keep, so the
source is read; where it is not installed, fields go without.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from ... import errors
from ...errors import LakeError

_NONE = re.compile(r"\bNone\b")
"""What Python calls so is null to whoever reads the document."""
_RAISES = "\n\nRaises:\n"


@dataclass(frozen=True, slots=True)
class Prose:
    """What the docstring of a handler says."""

    summary: str
    """Its first line, without the full stop."""
    description: str
    """All of it but what it raises."""
    raises: tuple[type[LakeError], ...]


def read_prose(handler: Callable[..., Any]) -> Prose:
    """Return what `handler` says of itself.

    Raises:
        TypeError: it has no docstring, or raises what is no error of ours.
    """
    text = inspect.getdoc(handler)
    if not text:
        raise TypeError(f"{handler!r} has no docstring")
    description, _, raised = text.partition(_RAISES)
    names = [line.partition(":")[0].strip() for line in _items(raised)]
    return Prose(
        description.partition("\n")[0].rstrip("."),
        " ".join(description.split("\n")).replace("  ", "\n\n"),
        tuple(_find_error(name) for name in names),
    )


def _items(section: str) -> list[str]:
    """Return the first line of each item of a section: others are indented further."""
    lines = section.partition("\n\n")[0].splitlines()
    return [line for line in lines if line[4:5].strip()]


def _find_error(name: str) -> type[LakeError]:
    found = getattr(errors, name, None)
    if not (isinstance(found, type) and issubclass(found, LakeError)):
        raise TypeError(f"'{name}' is none of our errors")
    return found


def read_field_docs(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return the docstrings below the fields of `struct`, by the names in JSON."""
    docs: dict[str, str] = {}
    for ancestor in reversed(struct.__mro__):
        if issubclass(ancestor, msgspec.Struct) and ancestor is not msgspec.Struct:
            docs |= _read_own(ancestor)
    encoded = dict(
        zip(struct.__struct_fields__, struct.__struct_encode_fields__, strict=True)
    )
    return {encoded[name]: text for name, text in docs.items() if name in encoded}


def _read_own(struct: type[msgspec.Struct]) -> dict[str, str]:
    return _read_module(struct.__module__).get(struct.__name__, {})


@cache
def _read_module(name: str) -> dict[str, dict[str, str]]:
    """Return the docstrings of fields in a module, by class; modules are read once."""
    try:
        source = inspect.getsource(sys.modules[name])
    except OSError:
        return {}
    return {
        node.name: _read_class(node)
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef)
    }


def _read_class(node: ast.ClassDef) -> dict[str, str]:
    docs: dict[str, str] = {}
    for field, below in zip(node.body, node.body[1:], strict=False):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                words = " ".join(inspect.cleandoc(text).split())
                docs[name] = _NONE.sub("null", words)
            case _:
                pass
    return docs

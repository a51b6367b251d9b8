"""What a decorated function was called with, as the parameters of its run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, cast

from ..wire.runs import Missing, ParamValue
from .loggable import clean_what_can_be

VALUES_MAX = 1000
"""Of one argument: more is data, not configuration."""
DEPTH_MAX = 20
_WHAT = "configuration.params"
_TEXTS = (PurePath, Enum, Decimal, date)
"""What is written as text and says all that it is."""


class _NotPlainError(Exception):
    """An argument is no plain value."""


def params_of_call(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[dict[str, ParamValue], list[Missing]]:
    """Return plain arguments as parameters, and the others as missing.

    A dict is a parameter for each of its values (`options.lr`), as in a configuration
    file, a list is JSON text. The object of a method is left out.

    Raises:
        TypeError: the function cannot be called so.
    """
    params: dict[str, ParamValue] = {}
    missing: list[Missing] = []
    for name, value in _iter_arguments(function, args, kwargs):
        try:
            found = _flatten(name, value)
        except _NotPlainError as error:
            missing.append(Missing(what=_WHAT, reason=f"argument '{name}' {error}"))
            continue
        cleaned, refused = clean_what_can_be(found, _WHAT)
        params |= cleaned
        missing += refused
    return params, missing


def _iter_arguments(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Iterator[tuple[str, object]]:
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    for number, (name, value) in enumerate(bound.arguments.items()):
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            yield from value.items()
        elif kind is inspect.Parameter.VAR_POSITIONAL and not value:
            continue
        elif number > 0 or name not in ("self", "cls"):
            yield name, value


def _flatten(name: str, value: object) -> Mapping[str, object]:
    from ..capture.flattening import VALUE_CHARS_MAX, flatten_params

    plain = _Plain().of(value, 0)
    if not isinstance(plain, dict | list):
        return {name: plain}
    document: dict[str, object] = {name: plain}
    found = flatten_params(document)
    if any(
        isinstance(each, str) and len(each) >= VALUE_CHARS_MAX
        for each in found.values()
    ):
        raise _NotPlainError("is too long for a parameter")
    return found


class _Plain:
    """Makes JSON of values, as long as there are not too many."""

    def __init__(self) -> None:
        self._count = 0

    def of(self, value: object, depth: int) -> Any:
        self._count += 1
        if self._count > VALUES_MAX or depth > DEPTH_MAX:
            raise _NotPlainError("has too much in it for parameters")
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, _TEXTS):
            return str(value)
        item = getattr(value, "item", None)
        if callable(item) and getattr(value, "shape", None) == ():
            number = item()
            return number if isinstance(number, bool | int | float) else str(value)
        if isinstance(value, Mapping):
            members = cast("Mapping[object, object]", value)
            return {
                str(self.of(name, depth + 1)): self.of(each, depth + 1)
                for name, each in members.items()
            }
        if isinstance(value, list | tuple | Set):
            several = cast("Sequence[object]", value)
            return [self.of(each, depth + 1) for each in several]
        raise _NotPlainError(f"is a '{type(value).__name__}', and no plain value")

"""What a program may log, as the plain values that travel: refused here, or taken.

Programs log numbers of NumPy and torch, members of enums, texts with half a character in
them. What is meant is clear, so it becomes a plain `int`, `float`, `bool` or `str`. What the
server would refuse (`server/runs/names.py`, `server/provenance/adding.py`) is refused at
the call, where the program can be mended: later it would take others with it.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from typing import Any, SupportsFloat, SupportsIndex, cast

from ..errors import InvalidRequestError
from ..wire.runs import Missing, ParamValue

NAME_CHARS_MAX = 256
"""Of a parameter, metric or kept file, as the server has it."""
TEXT_CHARS_MAX = 16 * 1024
"""Of the text of a parameter, as the server has it."""
INT_MAX = (1 << 63) - 1
"""Of a step or a whole parameter, as the server has it."""

_SURROGATE = re.compile("[\ud800-\udfff]")


def plain_text(text: str) -> str:
    """Return `text` as a plain `str` that can be written as UTF-8.

    Half a character (a lone surrogate, as in names of files that are no UTF-8) is written out
    as its escape: two names that differ still do.
    """
    if type(text) is not str:
        text = str.__str__(text)  # of an enum: its value, not its name
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode(errors="backslashreplace").decode()


def plain_document(value: Any) -> Any:
    """Return a JSON document with every text in it as `plain_text` has it."""
    match value:
        case str():
            return plain_text(value)
        case dict():
            members = cast("dict[str, Any]", value)
            return {
                plain_text(name): plain_document(each) for name, each in members.items()
            }
        case list() | tuple():
            return [plain_document(each) for each in cast("list[Any]", value)]
        case _:
            return value


def as_line(text: object) -> str:
    """Return what is logged as text; what is no text as it prints."""
    return plain_text(text if isinstance(text, str) else str(text))


def as_name(what: str, name: object) -> str:
    """Return `name` as that of a metric, parameter or kept file.

    Raises:
        TypeError: it is no text.
        InvalidRequestError: it is empty, too long, or not printable.
    """
    if not isinstance(name, str):
        raise TypeError(
            f"name of a {what} must be a text, not {type(name).__name__}: {name!r:.80}"
        )
    name = plain_text(name)
    if not name or len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise InvalidRequestError(
            f"{name[:80]!r} cannot be the name of a {what}: "
            f"use 1 to {NAME_CHARS_MAX} printable characters"
        )
    return name


def as_number(name: str, value: SupportsFloat | SupportsIndex) -> float:
    """Return the value of the metric `name`; numbers of NumPy and torch are numbers.

    Raises:
        TypeError: it is no number.
    """
    if type(value) is float:
        return value
    given = value
    try:
        if not isinstance(value, int | float):
            value = _item_of(value)
        if isinstance(value, str | bytes | bytearray):
            raise TypeError("a text is none")
        return float(value)
    except OverflowError:  # an integer of more than 300 digits
        return math.inf if cast("Any", value) > 0 else -math.inf
    except Exception as error:
        raise TypeError(
            f"metric '{name}' must be a number, not {type(given).__name__}: {error}"
        ) from error


def as_step(step: SupportsIndex | None) -> int | None:
    """Return a step of a metric; None: the next one.

    Raises:
        TypeError: it is no whole number.
        InvalidRequestError: it has more than 64 bits.
    """
    if step is None:
        return None
    if type(step) is not int:
        try:
            if isinstance(_item_of(step), bool):
                raise TypeError
            step = operator.index(step)
        except Exception:  # noqa: BLE001 - whatever it is, it is no whole number
            raise TypeError(
                f"step must be a whole number, not {type(step).__name__}: {step!r:.80}"
            ) from None
    if not -INT_MAX - 1 <= step <= INT_MAX:
        raise InvalidRequestError(f"step {_short(step)} has more than 64 bits")
    return step


def as_param(name: str, value: object) -> ParamValue:
    """Return the value of the parameter `name`: what is none of JSON as its text.

    Raises:
        InvalidRequestError: it has more than 64 bits, or is too long a text.
        TypeError: it cannot be written as text.
    """
    match value:
        case None | bool():
            return value
        case int():
            number = operator.index(value)
            if not -INT_MAX - 1 <= number <= INT_MAX:
                raise InvalidRequestError(
                    f"parameter '{name}' has more than 64 bits: {_short(number)}; "
                    "log it as a text"
                )
            return number
        case float():
            real = float(value)
            # JSON has no word for the others.
            return real if math.isfinite(real) else str(real)
        case str():
            return _bounded(name, plain_text(value))
        case _:
            pass
    item = _item_of(value) if getattr(value, "shape", None) == () else value
    if item is None or isinstance(item, bool | int | float | str):
        return as_param(name, item)
    try:
        text = str(value)
    except Exception as error:
        raise TypeError(
            f"parameter '{name}' cannot be written as text: "
            f"{type(error).__name__}: {error}"
        ) from error
    return _bounded(name, plain_text(text))


def clean_params(params: Mapping[str, object]) -> dict[str, ParamValue]:
    """Return `params` as they are recorded: secrets masked, other values as text.

    Raises:
        InvalidRequestError, TypeError: as for `as_name` and `as_param`.
    """
    from ..capture import MASK, is_secret_name

    cleaned: dict[str, ParamValue] = {}
    for given, value in params.items():
        name = as_name("parameter", given)
        cleaned[name] = MASK if is_secret_name(name) else as_param(name, value)
    return cleaned


def clean_what_can_be(
    params: Mapping[str, object], what: str
) -> tuple[dict[str, ParamValue], list[Missing]]:
    """Return `params` as they are recorded, and those that cannot be as missing `what`."""
    cleaned: dict[str, ParamValue] = {}
    missing: list[Missing] = []
    for name, value in params.items():
        try:
            cleaned |= clean_params({name: value})
        except (InvalidRequestError, TypeError) as error:
            missing.append(Missing(what=what, reason=str(error)))
    return cleaned, missing


def _item_of(value: object) -> Any:
    """Return the number in an array of one, of NumPy or torch; else `value`."""
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def _bounded(name: str, text: str) -> str:
    if len(text) > TEXT_CHARS_MAX:
        raise InvalidRequestError(
            f"parameter '{name}' has more than {TEXT_CHARS_MAX} characters: keep it as a "
            "file, with run.keep"
        )
    return text


def _short(number: int) -> str:
    # Python refuses to print thousands of digits.
    return (
        str(number) if number.bit_length() <= 128 else f"of {number.bit_length()} bits"
    )

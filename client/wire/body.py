"""What every REST body is made of: one base class, one page shape, one way to decode.

Bodies have the field names and types of the lakeFS API where the two overlap. Three
habits hold for all of them:

1. Decoding is strict: an integer is a JSON integer, a required field is there, a word
   is one of the words listed. What does not fit raises `WireError`, which names the
   field. In an answer, fields that we do not know are passed over, so that an older
   client can talk to a newer server; in a request (`RequestBody`) they are refused,
   because to pass over what was asked for would be to do something else.
2. A field without a default is always in the JSON, as null where it is None. A field
   with a default may be left out, by us and by others.
3. Times called `*_date` and `mtime` are Unix seconds; other times say their unit.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any, Generic, TypeVar, cast

import msgspec

T = TypeVar("T")
U = TypeVar("U")

AMOUNT_MAX = 1000
"""Most results in one page, and most paths in one batch; the lakeFS limit."""


class WireError(ValueError):
    """A body is not JSON, or not of the shape it should have."""

    def __init__(self, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.field = field
        """The field that is wrong; empty where it is the body as a whole."""


class Body(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of every body."""


class RequestBody(
    Body, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True
):
    """Base of the bodies that a client sends."""


class Pagination(Body, frozen=True, kw_only=True):
    """Where a page stands in its listing."""

    has_more: bool
    next_offset: str
    """What to pass as `after` to get the next page; empty where there is none."""
    results: int
    max_per_page: int


class Page(Body, Generic[T], frozen=True, kw_only=True):
    """Some of the results of a listing, in its order."""

    pagination: Pagination
    results: list[T]

    @staticmethod
    def of(results: list[U], *, next_offset: str | None) -> Page[U]:
        """Return the page of `results`; `next_offset` is None at the end."""
        return Page(
            pagination=Pagination(
                has_more=next_offset is not None,
                next_offset=next_offset or "",
                results=len(results),
                max_per_page=AMOUNT_MAX,
            ),
            results=results,
        )


def encode(body: Body | Page[Any]) -> bytes:
    """Return `body` as JSON."""
    return _ENCODER.encode(body)


def decode(data: bytes | bytearray | memoryview | str, shape: type[T]) -> T:
    """Return the `shape` that the JSON in `data` holds.

    Raises:
        WireError: `data` is not JSON, or not of that shape.
    """
    try:
        value: T = _decoder(cast("Hashable", shape)).decode(data)
    except msgspec.ValidationError as error:
        raise explain(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise WireError(f"body is not JSON: {error}") from error
    return value


_ENCODER = msgspec.json.Encoder()


@cache
def _decoder(shape: Hashable) -> msgspec.json.Decoder[Any]:
    # Building a decoder costs far more than using it, and there are few shapes.
    return msgspec.json.Decoder(cast("Any", shape))


def explain(error: msgspec.ValidationError, *, what: str = "field") -> WireError:
    """Turn msgspec's "Expected `int`, got `str` - at `$.mtime`" into our habit.

    `what` is what the thing that is wrong is called: a query has parameters.
    """
    wrong, _, place = str(error).replace("`", "'").partition(" - at ")
    where = place.strip("'").removeprefix("$").removeprefix(".")
    for beginning, verdict in _NAMING_A_FIELD.items():
        if wrong.startswith(beginning):
            name = wrong.removeprefix(beginning).strip("'")[:_TEXT_CHARS_MAX]
            field = f"{where}.{name}" if where else name
            return WireError(f"{what} '{field}' is {verdict}", field=field)
    # It quotes what was sent, however long.
    wrong = wrong[:1].lower() + wrong[1:_TEXT_CHARS_MAX]
    if not where:
        return WireError(f"body is wrong: {wrong}")
    return WireError(f"{what} '{where}' is wrong: {wrong}", field=where)


_TEXT_CHARS_MAX = 200
"""Of what a message quotes: it stays one that fits a terminal."""
_NAMING_A_FIELD = {
    "Object missing required field ": "missing",
    "Object contains unknown field ": "unknown",
}

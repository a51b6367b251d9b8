"""What of a run that goes on has no rows: kept as JSON, until the record has it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from lakebed.client.wire.run_parts import PARTS
from lakebed.client.wire.runs import Missing, OutputWish

from ..errors import CorruptDataError, InvalidValueError
from ..runs.documents import to_canonical

PART_BYTES_MAX = 1024 * 1024
"""Of each part, as JSON: a thousand distributions are 0.1 MiB."""

EndWord = Literal["succeeded", "failed", "interrupted", "lost"]


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run is to end, once that was asked for."""

    status: EndWord
    message: str = ""
    """Of the commits that publish its outputs."""
    actor: str = ""
    """Who asked."""
    denied: tuple[tuple[str, str], ...] = ()
    """Repositories and branches that they may not write to: nothing is published there."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What a recorder gave, beside parameters, points, log, inputs and files."""

    parts: dict[str, dict[str, Any]] = {}
    """By the names of `PARTS`."""
    outputs: tuple[OutputWish, ...] = ()
    missing: tuple[Missing, ...] = ()
    begun_by_run: bool = False
    """The key of its parent began it: it ends with that one at the latest."""
    ending: Ending | None = None

    def with_parts(self, parts: dict[str, dict[str, Any]]) -> Draft:
        """Return the draft with these in place of its own of that name."""
        return msgspec.structs.replace(self, parts={**self.parts, **parts})

    def with_outputs(self, wishes: list[OutputWish]) -> Draft:
        """Return the draft with these too; the last wish for one place counts.

        `model` and `model/` are one: before the end nobody may know which it will be.
        """
        by_place = {
            (each.repository, each.branch, each.path.rstrip("/")): each
            for each in (*self.outputs, *wishes)
        }
        return msgspec.structs.replace(self, outputs=tuple(by_place.values()))

    def with_missing(self, gaps: list[Missing]) -> Draft:
        """Return the draft with these gaps too, each once."""
        both = dict.fromkeys(
            (each.what, each.reason) for each in (*self.missing, *gaps)
        )
        return msgspec.structs.replace(
            self,
            missing=tuple(Missing(what=what, reason=reason) for what, reason in both),
        )


_decoder = msgspec.json.Decoder(Draft)


def encode_draft(draft: Draft) -> bytes:
    """Return `draft` as it is kept."""
    return msgspec.json.encode(draft)


def decode_draft(data: bytes | None) -> Draft:
    """Return what `encode_draft` kept; of None, which is of a sealed run, an empty one.

    Raises:
        CorruptDataError: it is damaged.
    """
    if data is None:
        return Draft()
    try:
        return _decoder.decode(data)
    except msgspec.DecodeError as error:
        raise CorruptDataError(f"draft of a run does not decode: {error}") from error


def check_parts(given: dict[str, dict[str, Any] | None]) -> dict[str, dict[str, Any]]:
    """Return those of the parts that are given, if a record can keep them.

    Raises:
        InvalidValueError: one holds what it cannot.
    """
    parts = {name: part for name, part in given.items() if part is not None}
    assert set(parts) <= set(PARTS)
    for name, part in parts.items():
        to_canonical(name, part)
        if len(msgspec.json.encode(part)) > PART_BYTES_MAX:
            raise InvalidValueError(
                name,
                f"'{name}' is over the limit of {PART_BYTES_MAX} bytes: keep it as a file",
            )
    return parts

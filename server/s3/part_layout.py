"""How large the parts of an object were: for reading it by part number.

Kept in the `checksums` field of an entry, beside the checksum, because like this it says
how the bytes came and nothing of what they are. Parts of one size make one run, and nearly
all uploads are two runs. The layout is `docs/format/entry.md`; change both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Self

from ..errors import CorruptDataError
from ..httprules.ranges import ByteRange
from ..tree.canonical import Value
from .checksums import decode_field, encode_field

_FIELD = "parts"


@dataclass(frozen=True, slots=True)
class PartLayout:
    """The sizes of the parts of an object, in order."""

    runs: tuple[tuple[int, int], ...]
    """Size in bytes, and how many parts of that size follow each other."""

    @classmethod
    def of(cls, sizes: Sequence[int]) -> Self:
        """Return the layout of parts with `sizes`."""
        return cls(tuple((size, len(list(run))) for size, run in groupby(sizes)))

    @classmethod
    def decode(cls, data: bytes) -> Self | None:
        """Return the layout in the `checksums` field of an entry; None if none is.

        Raises:
            CorruptDataError: `data` is no such field.
        """
        value = decode_field(data).get(_FIELD) if data else None
        if value is None:
            return None
        runs: list[tuple[int, int]] = []
        for run in value if isinstance(value, tuple) else (value,):
            match run:
                case (int(size), int(count)) if size >= 0 and count > 0:
                    runs.append((size, count))
                case _:
                    raise CorruptDataError(f"malformed layout of parts: {run!r}")
        return cls(tuple(runs))

    def value(self) -> tuple[str, Value]:
        """Return name and value of it in the `checksums` field of an entry."""
        return _FIELD, self.runs

    def find(self, number: int) -> ByteRange | None:
        """Return where part `number`, from 1 on, lies; None if there is no such part."""
        start, before = 0, 0
        for size, count in self.runs:
            if number <= before + count:
                start += (number - before - 1) * size
                return ByteRange(start, start + size)
            start += size * count
            before += count
        return None


def encode_with_layout(
    values: dict[str, Value], layout: PartLayout, bytes_max: int
) -> bytes:
    """Return the `checksums` field with `values` and `layout`.

    Parts of very many different sizes would take more than `bytes_max`: then the layout is
    left out, and the object cannot be read by part number.
    """
    name, value = layout.value()
    encoded = encode_field({**values, name: value})
    return encoded if len(encoded) <= bytes_max else encode_field(values)

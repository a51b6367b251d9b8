"""Canonical msgpack: the few types that our formats are made of, with types.

Formats use arrays, bytes, text and integers in their shortest form, and nothing else: no
maps, whose order is free, and no floats.
"""

from __future__ import annotations

from typing import TypeAlias, cast

import msgpack

Value: TypeAlias = "bytes | str | int | tuple[Value, ...]"
"""What formats are made of. Noise may decode to other things: match what is expected."""


def pack(value: object) -> bytes:
    """Return the bytes of `value`, made of sequences, bytes, text and integers."""
    return cast("bytes", msgpack.packb(value))  # pyright: ignore[reportUnknownMemberType]


def unpack(data: bytes) -> Value:
    """Return what `data` says, with tuples for arrays.

    Raises:
        ValueError: `data` is not msgpack, or more than one value.
    """
    return cast("Value", msgpack.unpackb(data, use_list=False))  # pyright: ignore[reportUnknownMemberType]

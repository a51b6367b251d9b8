"""Bytes that are nearly right: for parsers that must take or refuse them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

_TOKENS = (b"\x00", b"\xff", b"\xc1", b"\x80", b"%", b"\r\n", b"&", b"<", b"]]>", b"-1")
"""Where parsers look for something: ends, escapes, types that are not there."""
_CHANGES_MAX = 4


def mutations(
    chance: random.Random, seeds: Sequence[bytes], count: int
) -> Iterator[bytes]:
    """Yield `count` byte strings that began as one of `seeds`."""
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, _CHANGES_MAX)):
            _change(chance, data)
        yield bytes(data)


def _change(chance: random.Random, data: bytearray) -> None:
    at = chance.randint(0, len(data))
    match chance.randrange(6):
        case 0 if at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        case 1 if at < len(data):
            data[at] = chance.randrange(256)
        case 2:
            del data[at : at + chance.randint(1, 16)]
        case 3:
            data[at:at] = data[at : at + chance.randint(1, 32)]
        case 4:
            data[at:at] = chance.choice(_TOKENS)
        case _:
            del data[at:]

"""The CRCs of awscrt, which is loaded when a client first asks for one.

That takes 37 ms, a tenth of what a server, or a command on a directory, takes to start.
`combine_*` take the CRCs of two pieces and the size of the second.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _load() -> Any:  # a module without types
    from awscrt import checksums

    return checksums


def crc32c(data: bytes | memoryview, before: int = 0) -> int:
    """Return the CRC-32C of `data` behind bytes of the CRC `before`."""
    crc: int = _load().crc32c(data, before)
    return crc


def crc64nvme(data: bytes | memoryview, before: int = 0) -> int:
    """Return the CRC-64/NVME of `data` behind bytes of the CRC `before`."""
    crc: int = _load().crc64nvme(data, before)
    return crc


def combine_crc32(first: int, second: int, size_bytes: int) -> int:
    """Return the CRC-32 of both pieces."""
    crc: int = _load().combine_crc32(first, second, size_bytes)
    return crc


def combine_crc32c(first: int, second: int, size_bytes: int) -> int:
    """Return the CRC-32C of both pieces."""
    crc: int = _load().combine_crc32c(first, second, size_bytes)
    return crc


def combine_crc64nvme(first: int, second: int, size_bytes: int) -> int:
    """Return the CRC-64/NVME of both pieces."""
    crc: int = _load().combine_crc64nvme(first, second, size_bytes)
    return crc

"""Arrays of numbers in npy and npz files, read without NumPy.

Chunks that are the same to the byte are passed over; of the others each number is looked at.
Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import array
import ast
import lzma
import math
import struct
import sys
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from .numbers import NotComparableError, Numbers

_MAGIC = b"\x93NUMPY"
_HEADER_BYTES_MAX = 1 << 20
_DAMAGE = (
    zipfile.BadZipFile,
    NotImplementedError,  # a method of compression that is not known
    RuntimeError,  # a password is wanted
    EOFError,
    OSError,  # a place before the beginning of the file
    ValueError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
)
"""What reading a damaged archive raises."""
_CHUNK_BYTES = 1 << 18
"""A multiple of every item's size."""
_CODES = {
    "b1": "B",
    "i1": "b",
    "u1": "B",
    "i2": "h",
    "u2": "H",
    "i4": "i",
    "u4": "I",
    "i8": "q",
    "u8": "Q",
    "f2": "e",
    "f4": "f",
    "f8": "d",
    "c8": "f",
    "c16": "d",
}
"""What `array` and `struct` call the types of NumPy."""


@dataclass(frozen=True, slots=True)
class _Header:
    code: str
    is_swapped: bool
    parts: int
    """Numbers an item: a complex number has two."""
    shape: tuple[int, ...]
    is_fortran: bool
    described: str


def compare_npy(first: Path, second: Path, numbers: Numbers) -> None:
    """Compare two npy files.

    Raises:
        NotComparableError: one is not an array of numbers.
    """
    with first.open("rb") as one, second.open("rb") as other:
        _compare(one, other, "", numbers)


def compare_npz(first: Path, second: Path, numbers: Numbers) -> None:
    """Compare the arrays of two npz files by name; by bytes what has no numbers.

    Raises:
        NotComparableError: one is no npz.
    """
    try:
        with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
            names, others = sorted(one.namelist()), sorted(other.namelist())
            for name in sorted({*names} ^ {*others}):
                word = "is not there" if name in names else "was not there"
                numbers.add_structure(f"array '{name.removesuffix('.npy')}' {word}")
            for name in names:
                if name in others:
                    _compare_members(one, other, name, numbers)
    except _DAMAGE as error:
        raise NotComparableError(str(error)) from error


def _compare_members(
    one: zipfile.ZipFile, other: zipfile.ZipFile, name: str, numbers: Numbers
) -> None:
    called = name.removesuffix(".npy")
    try:
        with one.open(name) as left, other.open(name) as right:
            _compare(left, right, called, numbers)
    except NotComparableError as error:
        # Texts and objects beside numbers: the numbers are compared all the same.
        with one.open(name) as left, other.open(name) as right:
            if not _are_same(left, right):
                numbers.add_structure(f"array '{called}' has other bytes: {error}")


def _are_same(one: IO[bytes], other: IO[bytes]) -> bool:
    while True:
        left, right = _read_full(one), _read_full(other)
        if left != right:
            return False
        if not left:
            return True


def _compare(one: IO[bytes], other: IO[bytes], name: str, numbers: Numbers) -> None:
    header, second = _read_header(one), _read_header(other)
    called = f"array '{name}'" if name else "the array"
    if header.shape != second.shape:
        shapes = f"{[*header.shape]} is {[*second.shape]}"
        numbers.add_structure(f"the shape of {called}: {shapes}")
        return
    if header != second:
        kinds = f"{header.described} is {second.described}"
        numbers.add_structure(f"the type of {called}: {kinds}")
        return
    position = 0
    total = math.prod(header.shape) * header.parts
    while True:
        left, right = _read_full(one), _read_full(other)
        if not left and not right:
            break
        if len(left) != len(right):
            raise NotComparableError("the array ends early")
        count = len(left) // struct.calcsize(header.code)
        if left == right:
            numbers.total += count
        else:
            pairs = zip(_numbers(left, header), _numbers(right, header), strict=True)
            for at, (a, b) in enumerate(pairs, start=position):
                if a == b:
                    numbers.total += 1
                else:
                    numbers.add(a, b, name + _place(at, header))
        position += count
    if position != total:
        raise NotComparableError("the array is not as long as its header says")


def _read_header(file: IO[bytes]) -> _Header:
    start = file.read(8)
    if start[:6] != _MAGIC or len(start) < 8:
        raise NotComparableError("no npy file")
    width = 2 if start[6] == 1 else 4
    length = int.from_bytes(file.read(width), "little")
    if length > _HEADER_BYTES_MAX:
        raise NotComparableError("the header is too long")
    try:
        value: object = ast.literal_eval(file.read(length).decode("utf-8").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise NotComparableError("the header cannot be read") from error
    match value:
        case {
            "descr": str(described),
            "fortran_order": bool(is_fortran),
            "shape": tuple(),
        }:
            shape = cast("dict[str, tuple[object, ...]]", value)["shape"]
        case _:
            raise NotComparableError("no array of plain numbers")
    code = _CODES.get(described[1:])
    if code is None or not all(isinstance(each, int) and each >= 0 for each in shape):
        raise NotComparableError(f"an array of {described}")
    big = described[0] == ">"
    return _Header(
        code=code,
        is_swapped=described[0] in "<>" and big != (sys.byteorder == "big"),
        parts=2 if described[1] == "c" else 1,
        shape=cast("tuple[int, ...]", shape),
        is_fortran=is_fortran,
        described=described,
    )


def _numbers(data: bytes, header: _Header) -> Sequence[float]:
    if header.code == "e":
        order = ">" if header.is_swapped != (sys.byteorder == "big") else "<"
        return struct.unpack(f"{order}{len(data) // 2}e", data)
    try:
        found = array.array(header.code, data)
    except ValueError as error:
        raise NotComparableError("the array ends within a number") from error
    if header.is_swapped:
        found.byteswap()
    return found


def _read_full(file: IO[bytes]) -> bytes:
    """Read a whole chunk: what unpacks may give less at a time."""
    pieces: list[bytes] = []
    left = _CHUNK_BYTES
    while left:
        piece = file.read(left)
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _place(position: int, header: _Header) -> str:
    """Return where the number at `position` in the file stands in the array."""
    item = position // header.parts
    indexes: list[int] = []
    for size in header.shape if header.is_fortran else reversed(header.shape):
        item, index = divmod(item, size)
        indexes.append(index)
    if not header.is_fortran:
        indexes.reverse()
    return f"[{', '.join(map(str, indexes))}]"

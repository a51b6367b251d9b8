"""What runs are told to read and write: `lakebed://REPO/REF/PATH`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import cast

import msgspec

from ..errors import InvalidRequestError
from ..wire.runs import InputWish, OutputWish

SCHEMES = ("lakebed://", "s3://")

Inputs = Iterable[str] | Mapping[str, str | Path | None]
"""Addresses; with where each is checked out to, if it is."""
Outputs = Mapping[str, str] | Mapping[Path, str]
"""Files and folders, and the address where each goes."""


def parse_address(text: str) -> tuple[str, str, str]:
    """Return repository, ref and path of an address.

    Raises:
        InvalidRequestError: it is none.
    """
    scheme = next((one for one in SCHEMES if text.startswith(one)), None)
    parts = text.removeprefix(scheme or "").split("/", 2)
    if scheme is None or len(parts) < 2 or not all(parts[:2]):
        raise InvalidRequestError(
            f"'{text}' is no address: give lakebed://REPO/REF/PATH"
        )
    return parts[0], parts[1], parts[2] if len(parts) == 3 else ""


def input_wish(address: str, local: str | Path | None = None) -> InputWish:
    """Return `address` as an input.

    Raises:
        InvalidRequestError: it is none.
    """
    repository, ref, path = parse_address(address)
    where = None if local is None else str(local)
    return InputWish(repository=repository, ref=ref, path=path, local=where)


def output_wish(local: str | Path | None, address: str) -> OutputWish:
    """Return `address` as an output that will be taken from `local`.

    Whether that will be a file or a folder may not be known yet: `settle` says more.

    Raises:
        InvalidRequestError: it is no address.
    """
    repository, branch, path = parse_address(address)
    where = None if local is None else str(local)
    if where is not None and where.endswith("/") and path and not path.endswith("/"):
        path += "/"
    return OutputWish(repository=repository, branch=branch, path=path, local=where)


def settle(wish: OutputWish, local: Path) -> OutputWish:
    """Return `wish` with the path that it has, now that `local` is there.

    A folder goes below a prefix, and a file into one under its own name.
    """
    path = wish.path
    if local.is_dir():
        if path and not path.endswith("/"):
            path += "/"
    elif not path or path.endswith("/"):
        path += local.name
    return msgspec.structs.replace(wish, path=path)


def input_wishes(inputs: Inputs) -> list[InputWish]:
    """Return `inputs` as wishes."""
    if isinstance(inputs, Mapping):
        named = cast("Mapping[str, str | Path | None]", inputs)
        return [input_wish(address, local) for address, local in named.items()]
    return [input_wish(address) for address in inputs]


def output_wishes(outputs: Outputs) -> list[OutputWish]:
    """Return `outputs` as wishes."""
    return [output_wish(local, address) for local, address in outputs.items()]

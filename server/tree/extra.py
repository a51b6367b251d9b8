"""Extras of an entry: what S3 and REST let a client say of an object beside its bytes.

They are part of an entry's identity, so their bytes are canonical: a msgpack array of
[key, value] pairs, ascending by key, of what is there; no bytes at all where nothing is.
Maps inside are such arrays too. The layout is `docs/format/entry.md`; change both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import cast

from ..errors import CorruptDataError
from .canonical import Value, pack, unpack


@dataclass(frozen=True, slots=True)
class Extra:
    """What an entry says beside its content; empty where the client said nothing.

    The names are those of the format: a field that is added later sorts into the pairs
    and changes no bytes of entries that lack it.
    """

    cache_control: str = ""
    content_disposition: str = ""
    content_encoding: str = ""
    content_language: str = ""
    content_type: str = ""
    expires: str = ""
    """The header as it was sent: clients get back what they gave."""
    storage_class: str = ""
    tags: Mapping[str, str] = field(default_factory=dict[str, str])
    user_metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    """Names without `x-amz-meta-`."""
    website_redirect: str = ""


_FIELDS = tuple(sorted(each.name for each in fields(Extra)))
_MAPPINGS = frozenset({"tags", "user_metadata"})


def encode_extra(extra: Extra) -> bytes:
    """Return the canonical bytes of `extra`, none if there is nothing in it."""
    pairs: list[tuple[str, object]] = []
    for name in _FIELDS:
        value = cast("str | Mapping[str, str]", getattr(extra, name))
        if not value:
            continue
        pairs.append((name, value if isinstance(value, str) else sorted(value.items())))
    return pack(pairs) if pairs else b""


def decode_extra(data: bytes) -> Extra:
    """Return the extras with the canonical bytes `data`.

    Raises:
        CorruptDataError: `data` is not what `encode_extra` makes.
    """
    if not data:
        return Extra()
    try:
        pairs = unpack(data)
    except ValueError as error:
        raise CorruptDataError(f"extras do not decode: {error}") from error
    if not isinstance(pairs, tuple):
        raise CorruptDataError("extras are not an array")
    values: dict[str, str | dict[str, str]] = {}
    for pair in pairs:
        match pair:
            case (str(name), str(text)) if name in _FIELDS and name not in _MAPPINGS:
                values[name] = text
            case (str(name), tuple(inner)) if name in _MAPPINGS:
                values[name] = _decode_mapping(inner)
            case _:
                raise CorruptDataError(f"extras have a malformed pair: {pair!r}")
    extra = Extra(**values)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    if encode_extra(extra) != data:
        raise CorruptDataError("extras are not in their canonical form")
    return extra


def _decode_mapping(pairs: tuple[Value, ...]) -> dict[str, str]:
    mapping: dict[str, str] = {}
    for pair in pairs:
        match pair:
            case (str(name), str(value)):
                mapping[name] = value
            case _:
                raise CorruptDataError(f"extras have a malformed pair: {pair!r}")
    return mapping

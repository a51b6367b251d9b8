"""Configuration as parameters: one dotted name for each value, with its type.

A list of plain values is one parameter, as JSON; a list of tables is numbered. A name
that has dots itself is quoted, so that no two values share one.
"""

from __future__ import annotations

import configparser
import importlib.util
import json
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any, cast

from ..wire import ParamValue
from ..wire.run_parts import MASK
from .names import is_secret_name
from .secrets import mask_value

PARAMS_MAX = 1000
"""More than that is data, not configuration: `runs list` could not show them."""
VALUE_CHARS_MAX = 4000
SUFFIXES = {
    *(".json", ".toml", ".yaml", ".yml", ".ini", ".cfg", ".conf", ".properties"),
}
_INTEGER_MAX = 1 << 63
_PLAIN = (str, int, float, bool, type(None))
_DEPTH_MAX = 50
_BLANKS_MAX = 1000
_BLANKS = re.compile(rf"[^\S\n]{{{_BLANKS_MAX}}}")
"""The parser of ini files reads what follows once for each of them."""


class UnreadableError(Exception):
    """A configuration file is not of its format, or there is nothing to read it with."""


def read_configuration(path: PurePath, content: bytes) -> object:
    """Return what a file says, by the format that its ending names.

    Raises:
        UnreadableError: it cannot be read.
    """
    suffix = path.suffix.lower()
    try:
        text = content.decode("utf-8-sig")
        match suffix:
            case ".json":
                return json.loads(text)
            case ".toml":
                return tomllib.loads(text)
            case ".yaml" | ".yml":
                return _read_yaml(text)
            case ".ini" | ".cfg" | ".conf" | ".properties":
                return _read_ini(text)
            case _:
                raise UnreadableError(f"'{path.name}' is of no format that is known")
    except (ValueError, RecursionError, configparser.Error) as error:
        reason = str(error).splitlines()[0][:200] if str(error) else "too deep"
        raise UnreadableError(f"'{path.name}' cannot be read: {reason}") from error


def flatten_params(data: object) -> dict[str, ParamValue]:
    """Return the values of `data` by dotted name, secrets masked, at most `PARAMS_MAX`.

    Raises:
        UnreadableError: something in `data` has itself in it.
    """
    params: dict[str, ParamValue] = {}
    for name, value in _walk(data, "", is_secret=False, depth=0):
        if len(params) == PARAMS_MAX:
            break
        params[name] = value
    return params


def iter_secrets(data: object) -> Iterator[str]:
    """Yield the values in `data` that must not be seen, as text.

    What stands in it several times (YAML has names for that) is looked at once.
    """
    seen: set[tuple[int, bool]] = set()
    waiting: list[tuple[str, object, bool]] = [("", data, False)]
    while waiting:
        name, value, below_secret = waiting.pop()
        if isinstance(value, dict | list):
            secret = below_secret or is_secret_name(name)
            if (id(cast("object", value)), secret) in seen:
                continue
            seen.add((id(cast("object", value)), secret))
            waiting += [(*each, secret) for each in _items(cast("object", value))]
        elif below_secret or mask_value(name, value) != value:
            yield str(value)


def _items(data: object) -> Iterator[tuple[str, object]]:
    """Yield what is in a mapping or a list; in a list it has no name."""
    if isinstance(data, dict):
        for name, value in cast("dict[object, object]", data).items():
            yield str(name), value
    else:
        yield from (("", value) for value in cast("list[object]", data))


def _walk(
    data: object, name: str, *, is_secret: bool, depth: int
) -> Iterator[tuple[str, ParamValue]]:
    whole = data  # as it is, whatever the checks below make of it
    if depth < _DEPTH_MAX and isinstance(data, Mapping) and data:
        for key, value in cast("Mapping[object, object]", data).items():
            text = str(key)
            inner = f"{name}.{_quoted(text)}" if name else _quoted(text)
            secret = is_secret or is_secret_name(text)
            yield from _walk(value, inner, is_secret=secret, depth=depth + 1)
    elif (
        depth < _DEPTH_MAX
        and isinstance(data, list)
        and not _is_plain_list(cast("list[object]", data))
    ):
        for number, value in enumerate(cast("list[object]", data)):
            inner = f"{name}.{number}" if name else str(number)
            yield from _walk(value, inner, is_secret=is_secret, depth=depth + 1)
    elif name:
        yield name, _value(name, whole, is_secret=is_secret)


def _value(name: str, data: object, *, is_secret: bool) -> ParamValue:
    if is_secret and data not in (None, "", True, False):
        return MASK
    last = name.rpartition(".")[2].strip('"')
    if isinstance(data, list | Mapping):
        masked_data = _masked(cast("object", data), last)
        try:
            text = json.dumps(masked_data, ensure_ascii=False, default=str)
        except (ValueError, RecursionError) as error:
            raise UnreadableError(f"'{name}' has itself in it") from error
        return text[:VALUE_CHARS_MAX]
    masked = mask_value(last, data)
    if isinstance(masked, bool) or masked is None:
        return masked
    if isinstance(masked, int):
        return masked if -_INTEGER_MAX <= masked < _INTEGER_MAX else str(masked)
    if isinstance(masked, float):
        return masked if math.isfinite(masked) else str(masked)
    return str(masked)[:VALUE_CHARS_MAX]


def _masked(data: object, name: str) -> object:
    if isinstance(data, list):
        return [mask_value(name, each) for each in cast("list[object]", data)]
    return data


def _is_plain_list(data: Sequence[object]) -> bool:
    return all(isinstance(each, _PLAIN) for each in data)


def _quoted(key: str) -> str:
    is_plain = key and "." not in key and '"' not in key
    return key if is_plain else json.dumps(key, ensure_ascii=False)


def _read_ini(text: str) -> object:
    if _BLANKS.search(text) is not None:
        raise UnreadableError(f"a line of it has {_BLANKS_MAX} blanks in a row")
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text)
    except configparser.MissingSectionHeaderError:
        parser.read_string("[DEFAULT]\n" + text)
    data: dict[str, Any] = {
        section: {name: _typed(parser[section][name]) for name in parser[section]}
        for section in parser.sections()
    }
    own = {name: _typed(value) for name, value in parser.defaults().items()}
    return {**own, **data}


def _typed(text: str) -> ParamValue:
    """Return what an ini file's text means: it has no types of its own."""
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(?:\d+\.\d*|\.\d+|\d+(?=[eE]))(?:[eE][+-]?\d+)?", text):
        return float(text)
    return {"true": True, "false": False}.get(text.lower(), text)


def _read_yaml(text: str) -> object:
    if importlib.util.find_spec("yaml") is None:
        raise UnreadableError(
            "PyYAML is not installed here, so its parameters are not known"
        )
    yaml = cast("Any", importlib.import_module("yaml"))

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        """Reads `1e-3` as a number, as YAML 1.2 does and people expect."""

    Loader.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(?:\d[\d_]*)(?:\.[\d_]*)?[eE][-+]?\d+$"),
        list("-+0123456789"),
    )
    try:
        documents = list(yaml.load_all(text, Loader=Loader))
    except yaml.YAMLError as error:
        raise ValueError(str(error).replace("\n", " ")) from error
    return documents[0] if len(documents) == 1 else documents

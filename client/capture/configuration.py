"""What a command was told beside its arguments: configuration files, and options of ours."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..wire import ConfigFile, Configuration, Missing, ParamValue
from .beside import shown, sized
from .captured import DEFAULT_LIMITS, Captured, FileToKeep, Limits
from .flattening import (
    PARAMS_MAX,
    SUFFIXES,
    UnreadableError,
    flatten_params,
    read_configuration,
)
from .masked_files import mask_configuration
from .secrets import mask_value

_OPTION = re.compile(
    r"-{0,2}(?:[\w.-]*[-_.])?(?:config|conf|cfg|params|hparams|settings)(?:[-_](?:file|path))?"
)
"""`--config`, `--model-config`, `--params-file`: options that name a configuration file."""


def capture_configuration(
    directory: Path,
    files: Sequence[Path],
    *,
    argv: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> tuple[Captured[Configuration], dict[str, ParamValue]]:
    """Return what the configuration `files` say, and their values as parameters.

    Those that `argv` names with an option like `--config FILE` are taken as well. Secrets
    are masked in all of it.
    """
    missing: list[Missing] = []
    rows: list[ConfigFile] = []
    kept: list[FileToKeep] = []
    params: dict[str, ParamValue] = {}
    named = [directory / path for path in files]
    for path in dict.fromkeys([*named, *_find_named(directory, argv)]):
        name = _name(path, directory)
        content = _read(path, name, limits, missing)
        if content is None:
            continue
        _add_params(params, _params(path, name, content, missing), name)
        masked = mask_configuration(path, content)
        if masked is None:
            reason = f"'{name}' is not kept: its secrets could not be masked"
            missing.append(Missing(what="configuration.files", reason=reason))
            continue
        file = f"config/{name.lstrip('/')}"
        digest = hashlib.sha256(masked).hexdigest()
        is_masked = masked != content
        if is_masked:
            reason = f"secrets in '{name}' were masked: give them in the environment"
            missing.append(Missing(what="configuration.files", reason=reason))
        row = ConfigFile(path=name, file=file, sha256=digest, is_masked=is_masked)
        rows.append(row)
        kept.append(FileToKeep(file, masked))
    part = Configuration(files=rows, options=_mask_options(options or {}))
    return Captured(part, tuple(kept), tuple(missing)), params


def _find_named(directory: Path, argv: Sequence[str]) -> Iterator[Path]:
    """Yield the configuration files that `argv` names by an option."""
    pairs = [each for each in pairwise(argv) if each[0].startswith("-")]
    pairs += [(each[0], each[2]) for each in (word.partition("=") for word in argv)]
    for option, value in pairs:
        named = _OPTION.fullmatch(option) and Path(value).suffix.lower() in SUFFIXES
        if named and (directory / value).is_file():
            yield directory / value


def _read(
    path: Path, name: str, limits: Limits, missing: list[Missing]
) -> bytes | None:
    try:
        with path.open("rb") as file:
            content = file.read(limits.config_bytes_max + 1)
    except OSError as error:
        reason = f"'{name}' cannot be read: {error.strerror}"
    else:
        if len(content) <= limits.config_bytes_max:
            return content
        reason = f"'{name}' is larger than {sized(limits.config_bytes_max)}"
    missing.append(Missing(what="configuration.files", reason=reason))
    return None


def _params(
    path: Path, name: str, content: bytes, missing: list[Missing]
) -> dict[str, ParamValue]:
    try:
        params = flatten_params(read_configuration(path, content))
    except UnreadableError as error:
        missing.append(Missing(what="configuration.params", reason=str(error)))
        return {}
    if len(params) == PARAMS_MAX:
        reason = f"of '{name}' only the first {PARAMS_MAX} values are parameters"
        missing.append(Missing(what="configuration.params", reason=reason))
    return params


def _add_params(
    params: dict[str, ParamValue], more: Mapping[str, ParamValue], name: str
) -> None:
    """Add `more`; a name that another file has with another value gets the file before it."""
    for key, value in more.items():
        taken = key in params and (
            params[key] != value or type(params[key]) is not type(value)
        )
        params[f"{name}:{key}" if taken else key] = value


def _mask_options(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _mask_option(name, value) for name, value in options.items()}


def _mask_option(name: str, value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _mask_option(str(key), each) for key, each in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list | tuple):
        return [_mask_option(name, each) for each in value]  # pyright: ignore[reportUnknownVariableType]
    return mask_value(name, value)


def _name(path: Path, directory: Path) -> str:
    """Return `path` relative to `directory` if it lies below, else absolute."""
    full = os.path.abspath(path)  # noqa: PTH100 (links stay)
    base = os.path.abspath(directory)  # noqa: PTH100
    below = os.path.relpath(full, base)
    return shown(full if below.startswith("..") else below)

"""Rules for the names in runs: ids, experiments, parameters, metrics, kept files."""

from __future__ import annotations

import re
import secrets

from ..errors import InvalidValueError

NAME_CHARS_MAX = 256
"""Of a parameter, metric or kept file: flattened configurations have long ones. A list
shows them, and every row of a point's batch has one."""
EXPERIMENT_CHARS_MAX = 128

_RUN_ID = re.compile(r"[0-9a-f]{32}", re.ASCII)
_RUN_BEGINNING = re.compile(r"[0-9a-f]{7,31}", re.ASCII)
_RECORD_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)


def make_run_id() -> str:
    """Return the id of a new run: 32 random hex digits."""
    return secrets.token_hex(16)


def is_run_id(text: str) -> bool:
    """Tell whether `text` is the whole id of a run."""
    return _RUN_ID.fullmatch(text) is not None


def is_run_beginning(text: str) -> bool:
    """Tell whether `text` may be the beginning of the id of a run, and is long enough."""
    return _RUN_BEGINNING.fullmatch(text) is not None


def is_record_id(text: str) -> bool:
    """Tell whether `text` may be the id of a record."""
    return _RECORD_ID.fullmatch(text) is not None


def check_name(field: str, name: str) -> str:
    """Return `name`, of a parameter, metric or kept file, if it may be one.

    Raises:
        InvalidValueError: it is empty, too long, or not printable.
    """
    return _check(field, name, NAME_CHARS_MAX)


def check_experiment(name: str) -> str:
    """Return `name` if an experiment may be called so; it may be empty.

    Raises:
        InvalidValueError: it is too long, or not printable.
    """
    return _check("experiment", name, EXPERIMENT_CHARS_MAX) if name else name


def _check(field: str, name: str, chars_max: int) -> str:
    if not name or len(name) > chars_max or not name.isprintable():
        raise InvalidValueError(
            field,
            f"invalid name {name[:80]!r} in '{field}': use 1 to {chars_max} printable "
            "characters",
        )
    return name

"""The body of every error: what went wrong, for people and for programs.

    {"message": "...", "code": "stable-word", "detail": "...", ...more fields}

Clients of lakeFS read `message` only, and some scripts compare it, so where lakeFS has
a text for an error it stands there alone and `detail` says what there is to say. We read
`detail` where it is. The words of `code` are those of the classes in
`server/errors.py`; new ones are added, none is renamed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .body import Body, WireError, decode
from .history import Conflict

CONFLICTS_MAX = 1000
"""Conflicts that come with a refused merge; `routes.MERGE_CONFLICTS` lists the rest."""


class Problem(Body, frozen=True, kw_only=True):
    """An error as it is sent.

    `fields` are the fields beside message and code, as plain JSON values: the name of
    the repository that is not there, for example.
    """

    message: str
    code: str
    fields: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


def encode_problem(
    message: str, code: str, fields: Mapping[str, object] | None = None
) -> bytes:
    """Return the body of an error; `fields` may hold bodies and lists of bodies."""
    return msgspec.json.encode({**(fields or {}), "message": message, "code": code})


def decode_problem(data: bytes) -> Problem | None:
    """Return the error in `data`, or None if it is not one of ours.

    Something between us and the server may answer in its own words, so that noise here
    is to be expected.
    """
    try:
        fields = decode(data, dict[str, Any])
    except WireError:
        return None
    message, code = fields.pop("message", None), fields.pop("code", "")
    if not isinstance(message, str) or not isinstance(code, str):
        return None
    detail = fields.pop("detail", None)
    if isinstance(detail, str) and detail:
        message = detail
    return Problem(message=message, code=code, fields=fields)


def read_conflicts(problem: Problem) -> list[Conflict]:
    """Return the conflicts that came with a refused merge.

    Raises:
        WireError: they are not of the shape they should have.
    """
    try:
        return msgspec.convert(problem.fields.get("conflicts", []), list[Conflict])
    except msgspec.ValidationError as error:
        raise WireError(f"conflicts are malformed: {error}") from error

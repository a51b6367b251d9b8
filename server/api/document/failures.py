"""What may go wrong with a request of a route.

Most of it follows from the row of the table: where a repository is named, it may not be
there; where a body is read, it may be too long. What is left the handler says in its
docstring, under `Raises`.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from http import HTTPStatus

from aiohttp import hdrs

from ... import errors
from ...errors import LakeError
from ..call import NoBody
from ..problems import status_of
from ..routing import Anyone, Route, is_streamed, shape_of_body
from .prose import read_prose
from .schemas import Schema, refer

PROBLEM = "Error"
"""Name of the schema of every error; that of the lakeFS API."""
CONFLICT_PROBLEM = "MergeConflictError"

_SAFE_METHODS = frozenset({"GET", "HEAD"})
_CONDITIONS = frozenset({hdrs.IF_MATCH, hdrs.IF_NONE_MATCH})
_OF_NAMES: dict[str, tuple[type[LakeError], ...]] = {
    "repository": (errors.RepositoryNotFoundError,),
    "user": (errors.UserNotFoundError,),
    "key": (errors.CredentialNotFoundError,),
    "commit": (errors.CommitNotFoundError, errors.InvalidRefExpressionError),
    "run": (errors.RunNotFoundError,),
    "model": (errors.ModelNotFoundError,),
    "version": (errors.ModelVersionNotFoundError,),
    "alias": (errors.ModelVersionNotFoundError,),
}
_PATHS = ("path", "prefix", "objects", "resolutions")
"""Beginnings and parts of the names of fields that hold paths."""
_NAMING = {"id", "name", "username", "default_branch"}
"""Fields of bodies that hold names of what is to be made."""
_OF_REFS = (errors.RefNotFoundError, errors.InvalidRefExpressionError)
"""Every other name stands for a branch, a tag, or a ref expression."""


def group_failures(route: Route) -> dict[HTTPStatus, list[type[LakeError]]]:
    """Return the errors of `route` by status, both in ascending order."""
    found = {*_iter_failures(route), *read_prose(route.handler).raises}
    groups: dict[HTTPStatus, list[type[LakeError]]] = {}
    for failure in sorted(found, key=lambda each: (status_of(each), each.code)):
        groups.setdefault(status_of(failure), []).append(failure)
    return groups


def _iter_failures(route: Route) -> Iterator[type[LakeError]]:
    query, body = route.models
    shape = shape_of_body(body)
    yield errors.InvalidValueError
    yield errors.HeadTooLargeError
    if not isinstance(route.requirement, Anyone):
        yield errors.UnauthenticatedError
        yield errors.PermissionDeniedError
    for name in route.names:
        yield from _OF_NAMES.get(name, _OF_REFS)
    if route.reads:
        yield from _OF_REFS
    if body is not NoBody:
        yield errors.BodyTooLargeError
        yield errors.BodyStalledError
    fields = {*query.__struct_fields__}
    if shape is not None:
        yield errors.UnsupportedBodyError
        fields |= {*shape.__struct_fields__}
    if any(word in field for field in fields for word in _PATHS):
        yield errors.InvalidPathError
    if {"metadata", "set", "commit_overrides"} & fields or is_streamed(body):
        yield errors.MetadataTooLargeError
    if _CONDITIONS & {header.name for header in route.headers}:
        yield errors.PreconditionFailedError
    if route.is_idempotent:
        yield errors.IdempotencyKeyReusedError
    if route.method not in _SAFE_METHODS:
        yield from _iter_failures_of_writes(route)


def _iter_failures_of_writes(route: Route) -> Iterator[type[LakeError]]:
    yield errors.PermissionDeniedError  # from a page of another site
    shape = shape_of_body(route.models[1])
    if shape is not None and _NAMING & {*shape.__struct_fields__}:
        yield errors.InvalidNameError
    if "repository" in route.names:
        yield errors.ReadOnlyRepositoryError
        yield errors.ModelsRepositoryError
        if route.ref_name is not None:
            yield errors.ReadOnlyRefError
            yield errors.RefMovedError
            yield errors.ProtectedBranchError


def describe_failures(route: Route) -> dict[str, Schema]:
    """Return the answers to requests of `route` that fail, by status."""
    answers: dict[str, Schema] = {}
    for status, failures in group_failures(route).items():
        lines = [f"- `{each.code}`: {_say(each)}" for each in failures]
        is_conflict = errors.MergeConflictError in failures
        schema = refer(CONFLICT_PROBLEM if is_conflict else PROBLEM)
        answers[f"{status:d}"] = _with_body(route, "\n".join(lines), schema)
    answers["5XX"] = _with_body(
        route,
        "The server cannot do it now (503 `busy`, 507 `storage-full`), not yet (501 "
        "`not-implemented`), or met a defect (500).",
        refer(PROBLEM),
    )
    return answers


def _say(failure: type[LakeError]) -> str:
    return (inspect.getdoc(failure) or "").partition("\n\n")[0].replace("\n", " ")


def _with_body(route: Route, description: str, schema: Schema) -> Schema:
    answer: Schema = {"description": description}
    if route.method != "HEAD":
        answer["content"] = {"application/json": {"schema": schema}}
    return answer


def describe_problems() -> dict[str, Schema]:
    """Return the schemas of the bodies of errors."""
    problem: Schema = {
        "type": "object",
        "description": "What went wrong. There may be more fields, which name what it "
        "is about.",
        "properties": {
            "message": {
                "type": "string",
                "description": "One line for people. Where clients of the lakeFS API "
                "expect a certain text it is that.",
            },
            "code": {
                "type": "string",
                "description": "A word for programs, which stays what it is.",
            },
            "detail": {
                "type": "string",
                "description": "The whole sentence, where `message` is a fixed text.",
            },
            "field": {
                "type": "string",
                "description": "The field, parameter or header that is wrong.",
            },
        },
        "required": ["message", "code"],
    }
    conflict: Schema = {
        "description": "What went wrong; of a conflict, with the paths that conflict.",
        "allOf": [refer(PROBLEM)],
        "properties": {
            "conflicts": {
                "type": "array",
                "items": refer("Conflict"),
                "description": "The first 1000 conflicts, by path.",
            },
            "conflict_count": {
                "type": "integer",
                "description": "How many there are in all.",
            },
        },
    }
    return {PROBLEM: problem, CONFLICT_PROBLEM: conflict}

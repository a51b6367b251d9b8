"""What an error of the engine is over HTTP: its status, its headers and its body.

    {"message": "...", "code": "stable-word", "detail": "...", ...fields}

Every class of `errors.py` has a row in `STATUS`; a test says so when a new one has not.
`message` is for clients of lakeFS and their scripts, some of which compare it: for the
classes in `TEXTS` it is the text that they expect, and what we have to say beyond it is
in `detail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from lakebed.client.wire import CONFLICTS_MAX, encode_problem

from .. import errors
from ..errors import LakeError
from ..httprules.whole import WholeAnswer
from ..repository.combining import Conflict
from .shapes import show_conflict

_STATUS: dict[HTTPStatus, tuple[type[LakeError], ...]] = {
    HTTPStatus.BAD_REQUEST: (
        errors.InvalidValueError,
        errors.InvalidNameError,
        errors.InvalidPathError,
        errors.InvalidRefExpressionError,
        errors.MetadataTooLargeError,
        errors.InvalidPartError,
        errors.InvalidPartOrderError,
        errors.PartTooSmallError,
        errors.NothingToCommitError,
        errors.DirtyBranchError,
        errors.SameRefError,
        errors.ReadOnlyRefError,
    ),
    HTTPStatus.UNAUTHORIZED: (
        errors.UnauthenticatedError,
        errors.SignatureRefusedError,
    ),
    HTTPStatus.FORBIDDEN: (
        errors.PermissionDeniedError,
        errors.ReadOnlyRepositoryError,
        errors.ModelsRepositoryError,
        errors.ProtectedBranchError,
        errors.DeleteDefaultBranchError,
    ),
    HTTPStatus.NOT_FOUND: (
        errors.NotFoundError,
        errors.RouteNotFoundError,
        errors.RepositoryNotFoundError,
        errors.RefNotFoundError,
        errors.CommitNotFoundError,
        errors.ObjectNotFoundError,
        errors.UploadNotFoundError,
        errors.UserNotFoundError,
        errors.CredentialNotFoundError,
        errors.GrantNotFoundError,
        errors.RunNotFoundError,
        errors.RunPartNotFoundError,
        errors.SubjectNotFoundError,
        errors.ModelNotFoundError,
        errors.ModelVersionNotFoundError,
        errors.ApprovalNotFoundError,
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: (errors.MethodNotAllowedError,),
    HTTPStatus.CONFLICT: (
        errors.ConflictError,
        errors.RepositoryExistsError,
        errors.RepositoryInUseError,
        errors.RefExistsError,
        errors.UserExistsError,
        errors.CredentialExistsError,
        errors.AlreadySetUpError,
        errors.AdministratorNeededError,
        errors.TooManyError,
        errors.RunEndedError,
        errors.RunGoesOnError,
        errors.RunNeededError,
        errors.RefMovedError,
        errors.MergeConflictError,
        errors.RevertNeedsParentError,
        errors.StillNeededError,
        errors.UnusableRunError,
        errors.PromotionRefusedError,
    ),
    HTTPStatus.GONE: (errors.ExpiredDataError,),
    HTTPStatus.PRECONDITION_FAILED: (errors.PreconditionFailedError,),
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: (errors.BodyTooLargeError,),
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: (errors.UnsupportedBodyError,),
    HTTPStatus.REQUEST_TIMEOUT: (errors.BodyStalledError,),
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: (errors.HeadTooLargeError,),
    HTTPStatus.UNPROCESSABLE_ENTITY: (errors.IdempotencyKeyReusedError,),
    HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE: (errors.RangeNotSatisfiableError,),
    HTTPStatus.INTERNAL_SERVER_ERROR: (
        errors.CorruptDataError,
        errors.MissingDataError,
        errors.StorageFailedError,
        errors.DurabilityLostError,
        errors.StartupError,
    ),
    HTTPStatus.NOT_IMPLEMENTED: (errors.NotImplementedYetError,),
    HTTPStatus.SERVICE_UNAVAILABLE: (errors.BusyError, errors.PackGoneError),
    HTTPStatus.INSUFFICIENT_STORAGE: (errors.StorageFullError,),
}

STATUS: dict[type[LakeError], HTTPStatus] = {
    kind: status for status, kinds in _STATUS.items() for kind in kinds
}

TEXTS: dict[type[LakeError], str] = {
    errors.RepositoryNotFoundError: "repository not found",
    errors.CommitNotFoundError: "commit not found",
    errors.UserNotFoundError: "user not found",
    errors.UnauthenticatedError: "error authenticating request",
    errors.SignatureRefusedError: "error authenticating request",
    errors.MergeConflictError: "conflict found",
    errors.RepositoryExistsError: "not unique",
    errors.NothingToCommitError: "commit: no changes",
    errors.ProtectedBranchError: "cannot write to protected branch",
}
"""What scripts around lakeFS compare the message with."""

RETRY_AFTER_S = 1
"""What is busy now is free within a second, or the server has worse problems."""


def status_of(kind: type[LakeError]) -> HTTPStatus:
    """Return the status of an error class, or of the nearest class it comes from."""
    for ancestor in kind.__mro__:
        status = STATUS.get(ancestor)
        if status is not None:
            return status
    return HTTPStatus.INTERNAL_SERVER_ERROR


def answer_problem(error: LakeError) -> WholeAnswer:
    """Return the response that says `error`."""
    detail = str(error)
    message = TEXTS.get(type(error), detail)
    fields = _fields(error)
    if message != detail:
        fields["detail"] = detail
    return problem_response(
        status_of(type(error)), message, error.code, fields, _headers(error)
    )


def answer_internal_error() -> WholeAnswer:
    """Return the response to a request that met a defect of ours; it says no more."""
    return problem_response(
        HTTPStatus.INTERNAL_SERVER_ERROR, "internal server error", "internal"
    )


def problem_response(
    status: HTTPStatus,
    message: str,
    code: str,
    fields: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> WholeAnswer:
    """Return a response with an error body."""
    return WholeAnswer(
        status,
        {
            "Content-Type": "application/json",
            "X-Content-Type-Options": "nosniff",
            **(headers or {}),
        },
        encode_problem(message, code, fields),
    )


def _fields(error: LakeError) -> dict[str, object]:
    if isinstance(error, errors.MergeConflictError):
        shown = [
            show_conflict(conflict)
            for conflict in error.conflicts[:CONFLICTS_MAX]
            if isinstance(conflict, Conflict)
        ]
        return {"conflicts": shown, "conflict_count": error.count}
    return {
        name: value
        for name, value in vars(error).items()
        if not name.startswith("_") and isinstance(value, str | int | list)
    }


def show_allowed(error: errors.MethodNotAllowedError) -> dict[str, str]:
    """Return the header that says which methods a path takes."""
    return {"Allow": ", ".join(error.allowed)}


def _headers(error: LakeError) -> dict[str, str]:
    match error:
        case errors.RangeNotSatisfiableError():
            return {"Content-Range": f"bytes */{error.size_bytes}"}
        case errors.MethodNotAllowedError():
            return show_allowed(error)
        case errors.UnauthenticatedError():
            return {"WWW-Authenticate": 'Basic realm="lakebed", charset="UTF-8"'}
        case errors.BusyError():
            return {"Retry-After": str(RETRY_AFTER_S)}
        case _:
            return {}

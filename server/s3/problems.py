"""What an error of the engine is in S3: code, status, document.

    <Error><Code/><Message/><Resource/><RequestId/><HostId/></Error>

Every class of `errors.py` has a row in `CODES`; a test says so when a new one has not.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import errors
from ..errors import LakeError
from ..httprules.whole import WholeAnswer
from .errors import S3Error
from .xml import DOCUMENT_HEADERS, Element, write_document

CODES: dict[type[LakeError], tuple[str, int]] = {
    errors.InvalidValueError: ("InvalidArgument", 400),
    errors.InvalidNameError: ("InvalidArgument", 400),
    errors.InvalidPathError: ("InvalidArgument", 400),
    errors.InvalidRefExpressionError: ("NoSuchKey", 404),
    errors.MetadataTooLargeError: ("MetadataTooLarge", 400),
    errors.UnsupportedBodyError: ("InvalidRequest", 400),
    errors.BodyTooLargeError: ("EntityTooLarge", 400),
    errors.BodyStalledError: ("RequestTimeout", 400),
    errors.InvalidPartError: ("InvalidPart", 400),
    errors.InvalidPartOrderError: ("InvalidPartOrder", 400),
    errors.PartTooSmallError: ("EntityTooSmall", 400),
    errors.HeadTooLargeError: ("RequestHeaderSectionTooLarge", 400),
    errors.NotFoundError: ("NoSuchKey", 404),
    errors.RepositoryNotFoundError: ("NoSuchBucket", 404),
    errors.RefNotFoundError: ("NoSuchKey", 404),
    errors.CommitNotFoundError: ("NoSuchKey", 404),
    errors.ObjectNotFoundError: ("NoSuchKey", 404),
    errors.UploadNotFoundError: ("NoSuchUpload", 404),
    errors.UserNotFoundError: ("InvalidAccessKeyId", 403),
    errors.CredentialNotFoundError: ("InvalidAccessKeyId", 403),
    errors.GrantNotFoundError: ("AccessDenied", 403),
    errors.ModelNotFoundError: ("NoSuchKey", 404),
    errors.ModelVersionNotFoundError: ("NoSuchKey", 404),
    errors.ApprovalNotFoundError: ("NoSuchKey", 404),
    errors.RunNotFoundError: ("AccessDenied", 403),
    errors.RunPartNotFoundError: ("AccessDenied", 403),
    errors.SubjectNotFoundError: ("AccessDenied", 403),
    errors.RouteNotFoundError: ("NoSuchKey", 404),
    errors.MethodNotAllowedError: ("MethodNotAllowed", 405),
    errors.ConflictError: ("OperationAborted", 409),
    errors.RepositoryExistsError: ("BucketAlreadyOwnedByYou", 409),
    errors.RepositoryInUseError: ("BucketNotEmpty", 409),
    errors.RefExistsError: ("OperationAborted", 409),
    errors.UserExistsError: ("OperationAborted", 409),
    errors.CredentialExistsError: ("OperationAborted", 409),
    errors.AlreadySetUpError: ("OperationAborted", 409),
    errors.AdministratorNeededError: ("OperationAborted", 409),
    errors.TooManyError: ("OperationAborted", 409),
    errors.RunEndedError: ("AccessDenied", 403),
    errors.RunGoesOnError: ("OperationAborted", 409),
    errors.RunNeededError: ("OperationAborted", 409),
    errors.RefMovedError: ("ConditionalRequestConflict", 409),
    errors.MergeConflictError: ("OperationAborted", 409),
    errors.RevertNeedsParentError: ("OperationAborted", 409),
    errors.StillNeededError: ("OperationAborted", 409),
    errors.UnusableRunError: ("OperationAborted", 409),
    errors.PromotionRefusedError: ("OperationAborted", 409),
    errors.NothingToCommitError: ("InvalidRequest", 400),
    errors.DirtyBranchError: ("InvalidRequest", 400),
    errors.SameRefError: ("InvalidRequest", 400),
    errors.DeleteDefaultBranchError: ("AccessDenied", 403),
    errors.ReadOnlyRefError: ("AccessDenied", 403),
    errors.ReadOnlyRepositoryError: ("AccessDenied", 403),
    errors.ModelsRepositoryError: ("AccessDenied", 403),
    errors.ProtectedBranchError: ("AccessDenied", 403),
    errors.PreconditionFailedError: ("PreconditionFailed", 412),
    errors.IdempotencyKeyReusedError: ("InvalidRequest", 400),
    errors.ExpiredDataError: ("NoSuchVersion", 410),
    errors.RangeNotSatisfiableError: ("InvalidRange", 416),
    errors.UnauthenticatedError: ("AccessDenied", 403),
    errors.SignatureRefusedError: ("AccessDenied", 403),
    errors.PermissionDeniedError: ("AccessDenied", 403),
    errors.CorruptDataError: ("InternalError", 500),
    errors.MissingDataError: ("InternalError", 500),
    errors.StorageFullError: ("InsufficientStorage", 507),
    errors.StorageFailedError: ("InternalError", 500),
    errors.DurabilityLostError: ("InternalError", 500),
    errors.BusyError: ("SlowDown", 503),
    errors.PackGoneError: ("SlowDown", 503),
    errors.NotImplementedYetError: ("NotImplemented", 501),
    errors.StartupError: ("InternalError", 500),
}

_SIGNATURE_STATUS = {
    "AccessDenied": 403,
    "InvalidAccessKeyId": 403,
    "RequestTimeTooSkewed": 403,
    "SignatureDoesNotMatch": 403,
}
"""What else a signature can be refused with is a malformed request: 400."""

RETRY_AFTER_S = 1
"""What is busy now is free within a second, or the server has worse problems."""


def _row_of(kind: type[LakeError]) -> tuple[str, int]:
    for ancestor in kind.__mro__:
        row = CODES.get(ancestor)
        if row is not None:
            return row
    return "InternalError", 500


def explain(
    error: S3Error | LakeError, *, missing_ref: str = "NoSuchKey"
) -> tuple[str, int, dict[str, str]]:
    """Return the S3 code, the status and the facts that say `error`.

    A ref that is not there is a missing key to readers, who may go on to look for
    another, and a missing bucket to writers, who must not: `missing_ref` says which.
    """
    match error:
        case S3Error():
            return error.code, error.status, error.facts
        case errors.SignatureRefusedError():
            code = error.aws_code
            return code, _SIGNATURE_STATUS.get(code, 400), error.facts
        case errors.RangeNotSatisfiableError():
            code, status = _row_of(type(error))
            return code, status, {"ActualObjectSize": str(error.size_bytes)}
        case errors.PartTooSmallError():
            code, status = _row_of(type(error))
            return (
                code,
                status,
                {
                    "ProposedSize": str(error.size_bytes),
                    "MinSizeAllowed": str(error.bytes_min),
                    "PartNumber": str(error.number),
                },
            )
        case errors.RefNotFoundError() | errors.InvalidRefExpressionError():
            return missing_ref, 404, {}
        case _:
            return (*_row_of(type(error)), {})


def name_failure(error: S3Error | LakeError) -> str:
    """Return the name under which `error` is counted."""
    return error.code if isinstance(error, S3Error) else type(error).__name__


def answer_problem(
    error: S3Error | LakeError,
    *,
    resource: str,
    request_id: str,
    has_body: bool,
    missing_ref: str = "NoSuchKey",
) -> WholeAnswer:
    """Return the response that says `error`.

    Args:
        error: what went wrong.
        resource: the path of the request.
        request_id: names the request in our log.
        has_body: False for HEAD, whose errors have none.
        missing_ref: see `explain`.
    """
    code, status, facts = explain(error, missing_ref=missing_ref)
    headers: dict[str, str] = {}
    if isinstance(error, errors.RangeNotSatisfiableError):
        headers["Content-Range"] = f"bytes */{error.size_bytes}"
    if isinstance(error, errors.BusyError):
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return error_response(
        status,
        code,
        str(error),
        facts,
        headers,
        resource=resource,
        request_id=request_id,
        has_body=has_body,
    )


def name_answer(request_id: str) -> dict[str, str]:
    """Return the headers of every answer of the gateway."""
    return {
        "Server": "lakebed",
        "x-amz-request-id": request_id,
        "x-amz-id-2": request_id,
    }


def error_content(
    code: str, message: str, facts: Mapping[str, str], resource: str, request_id: str
) -> list[Element]:
    """Return what is in an error document."""
    return [
        ("Code", code),
        ("Message", message),
        ("Resource", resource),
        *facts.items(),
        ("RequestId", request_id),
        ("HostId", request_id),
    ]


def error_response(
    status: int,
    code: str,
    message: str,
    facts: dict[str, str],
    headers: dict[str, str],
    *,
    resource: str,
    request_id: str,
    has_body: bool,
) -> WholeAnswer:
    """Return a response with an error document, or with none."""
    headers = {**name_answer(request_id), **headers}
    if not has_body:
        return WholeAnswer(status, headers)
    content = error_content(code, message, facts, resource, request_id)
    return WholeAnswer(
        status,
        {**DOCUMENT_HEADERS, **headers},
        write_document("Error", content, namespace=""),
    )

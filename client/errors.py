"""Every way the client can fail on purpose.

    ClientError
    ├── InvalidRequestError        the server says the request cannot be right
    │   └── NothingToCommitError   the commit would change nothing
    ├── UnauthenticatedError       no key, or a wrong one
    ├── PermissionDeniedError      the key is right and may not do this
    ├── NotFoundError              a named thing does not exist
    ├── ConflictError              the present state does not allow it
    │   └── MergeConflictError     `conflicts` lists the paths
    ├── PreconditionFailedError    a condition of the request does not hold
    ├── ServerError                the server failed, or is no lakebed server
    │   ├── ServerBusyError        it is at a limit: try again in a moment
    │   ├── DamagedDataError       what it stores there is damaged, or gone
    │   └── ForeignServerError     something else than a lakebed server answered
    ├── InvalidProofError          a proof does not hold
    └── ServerUnreachableError     there is no answer
        └── ServerPartMissingError a directory was named, `lakebed[server]` is not there

Messages are the server's own and name the thing. `code` is the stable word of the
server's error classes, empty where the answer had none; `fields` what came with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .wire import Conflict, Problem, WireError, read_conflicts

if TYPE_CHECKING:
    from . import values
    from .values import Rows


class ClientError(Exception):
    """Base of every error that the client raises on purpose."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        status: int | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        """The HTTP status, if there was an answer."""
        self.fields = dict(fields or {})
        self.retry_after_s = 0.0
        """How long the server asks us to wait before we ask again."""
        self.answer_lost = False
        """Whether an earlier try of the same request may have worked."""


class InvalidRequestError(ClientError):
    """A name, path, ref or other value cannot be right."""


class NothingToCommitError(InvalidRequestError):
    """The operation would make a commit that changes nothing."""


class UnauthenticatedError(ClientError):
    """The request does not prove who sent it."""


class PermissionDeniedError(ClientError):
    """The caller is known and may not do this."""


class NotFoundError(ClientError):
    """A named repository, ref, object or user does not exist."""


class ConflictError(ClientError):
    """The name is taken, or the state does not allow it."""


class MergeConflictError(ConflictError):
    """Both sides changed the same paths differently."""

    @property
    def conflicts(self) -> list[Conflict]:
        """The first thousand conflicts, in path order."""
        problem = Problem(message=self.message, code=self.code, fields=self.fields)
        return read_conflicts(problem)

    @property
    def rows(self) -> Rows[values.Conflict]:
        """The same as values, which a notebook shows as a table."""
        from .values import Conflict, Rows

        return Rows([Conflict.of(each) for each in self.conflicts], "conflicts")


class PreconditionFailedError(ClientError):
    """A condition (`if_absent`, `if_match`) does not hold."""


class ServerError(ClientError):
    """The server failed, or what answered is not a lakebed server."""


class ServerBusyError(ServerError):
    """The server is at a limit and did nothing: try again in a moment."""


class DamagedDataError(ServerError):
    """What is stored there is damaged, or gone; the rest can still be read.

    `lakebed admin verify` names every path that it concerns.
    """


class ForeignServerError(ServerError):
    """What answered is not a lakebed server: the address is that of something else."""


class ServerUnreachableError(ClientError):
    """There is no answer from the server."""


class ServerPartMissingError(ServerUnreachableError):
    """A directory was named, and what serves directories is not installed."""


class InvalidProofError(ClientError):
    """A proof does not show what lies at the path: it is damaged, or of something else."""


_CODES: Mapping[str, type[ClientError]] = {
    "merge-conflict": MergeConflictError,
    "no-changes": NothingToCommitError,
    "busy": ServerBusyError,
    "pack-gone": ServerBusyError,
    "corrupt-data": DamagedDataError,
    "missing-data": DamagedDataError,
}

_STATUSES: Mapping[int, type[ClientError]] = {
    401: UnauthenticatedError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: PreconditionFailedError,
    429: ServerBusyError,
}


_NEVER_WITHOUT_A_REASON = {301, 302, 303, 307, 308, 400, 404, 405, 501}
"""Statuses that a lakebed server says the reason for, and others often answer with."""


def error_of(status: int, problem: Problem | None, *, what: str) -> ClientError:
    """Return the error that an answer of `status` with the body `problem` stands for.

    `what` says what was asked for, for answers that do not say it themselves.
    """
    if problem is None and status in _NEVER_WITHOUT_A_REASON:
        return ForeignServerError(
            f"cannot {what}: what answered ({status}, without a reason) is not a "
            "lakebed server",
            status=status,
        )
    if problem is None:
        message = f"cannot {what}: the server answered {status} without saying why"
        return _class_of(status, "")(message, status=status)
    # Where clients of lakeFS compare the message, the whole sentence is in `detail`.
    detail = problem.fields.get("detail")
    message = detail if isinstance(detail, str) and detail else problem.message
    error = _class_of(status, problem.code)(
        message, code=problem.code, status=status, fields=problem.fields
    )
    if isinstance(error, MergeConflictError):
        _check_conflicts(error)
    return error


def _class_of(status: int, code: str) -> type[ClientError]:
    by_status = _STATUSES.get(
        status, InvalidRequestError if 400 <= status < 500 else ServerError
    )
    by_code = _CODES.get(code)
    # A code that contradicts its status is not one that we know.
    if by_code is not None and (status == 503 or issubclass(by_code, by_status)):
        return by_code
    return by_status


def _check_conflicts(error: MergeConflictError) -> None:
    try:
        _ = error.conflicts
    except WireError as malformed:
        raise ServerError(
            f"cannot read the server's answer: {malformed}", status=error.status
        ) from malformed

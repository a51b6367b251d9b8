"""Errors of the client as the errors of Python's own files, with the same words.

The error of the client is the `__cause__` of what is raised here, with its code and its
fields: the conflicts of a merge, for example.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

from ..errors import (
    ClientError,
    ConflictError,
    InvalidRequestError,
    MergeConflictError,
    NotFoundError,
    PermissionDeniedError,
    PreconditionFailedError,
    ServerBusyError,
    ServerUnreachableError,
    UnauthenticatedError,
)

_READ_ONLY = frozenset({"read-only-ref", "read-only-repository"})
_RANGE_STATUS = 416


@contextmanager
def as_os_errors() -> Generator[None]:
    """Turn what the client raises in the block into errors of the operating system."""
    try:
        yield
    except ClientError as error:
        raise os_error_of(error) from error


def os_error_of(error: ClientError) -> OSError:
    """Return the error that a file system raises in place of `error`."""
    match error:
        case NotFoundError():
            return failure(errno.ENOENT, error.message)
        case UnauthenticatedError() | PermissionDeniedError():
            return failure(errno.EACCES, error.message)
        case _ if error.code in _READ_ONLY:
            return failure(errno.EROFS, error.message)
        case PreconditionFailedError():
            return failure(errno.EEXIST, error.message)
        case MergeConflictError():
            return failure(errno.EBUSY, error.message)
        case ConflictError():
            return failure(errno.EEXIST, error.message)
        case InvalidRequestError():
            return failure(errno.EINVAL, error.message)
        case ServerUnreachableError():
            return failure(errno.ECONNREFUSED, error.message)
        case ServerBusyError():
            return failure(errno.EAGAIN, error.message)
        case _:
            return failure(errno.EIO, error.message)


def failure(number: int, message: str) -> OSError:
    """Return the error of Python for `number` that says `message` and nothing else."""
    # With two arguments Python chooses the class, and puts "[Errno 2]" before our words.
    error = type(OSError(number, ""))(message)
    error.errno = number
    return error


def is_past_end(error: ClientError) -> bool:
    """Tell whether `error` says that a range begins at or after the end."""
    return error.status == _RANGE_STATUS

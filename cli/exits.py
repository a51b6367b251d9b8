"""Exit codes: the one place where exceptions become numbers."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakebed.client import ClientError


class CommandError(Exception):
    """A command cannot do what was asked, for a reason that the client knows nothing of."""


class ReaderLeftError(Exception):
    """Whoever read our output has closed it: `lakebed ls ... | head`."""


class ExitCode(IntEnum):
    """Exit codes are public: scripts test them, so they never change meaning."""

    OK = 0
    FAILED = 1
    USAGE = 2
    """The command line does not parse."""
    NOT_FOUND = 3
    CONFLICT = 4
    UNREACHABLE = 5
    """No answer, or not from a lakebed server."""
    DIFFERENT = 6
    """It ran, and what it compared differs, or a proof does not hold."""
    INTERRUPTED = 130
    """Ctrl-C, as shells count it: 128 and the number of SIGINT."""
    READER_LEFT = 141
    """What a shell gives a program that wrote into a closed pipe: 128 and SIGPIPE."""


def exit_code_of(error: ClientError) -> ExitCode:
    """Return the exit code that reports `error` to the shell."""
    from lakebed import client

    match error:
        case client.NotFoundError():
            return ExitCode.NOT_FOUND
        case client.ConflictError() | client.PreconditionFailedError():
            return ExitCode.CONFLICT
        case client.InvalidProofError():
            return ExitCode.DIFFERENT
        case client.ServerUnreachableError() | client.ForeignServerError():
            return ExitCode.UNREACHABLE
        case _:
            return ExitCode.FAILED

"""Calls of git that change nothing and run nothing of the user's: what capturing and restoring rest on.

Aliases, pagers, hooks, external diffs and the index stay out of it; file names come as
bytes that end with zero, never quoted.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

TIMEOUT_S = 30.0
"""For one call: on a cold network disk a `status` may take seconds."""

_OPTIONS = (
    *("--no-pager", "--no-optional-locks"),
    *("-c", "core.quotepath=off", "-c", "core.fsmonitor=false"),
    # `diff` would write the index, whatever is said of optional locks.
    *("-c", "diff.autoRefreshIndex=false"),
    *("-c", f"core.hooksPath={os.devnull}", "-c", "color.ui=false"),
    *("-c", "log.showSignature=false", "-c", "submodule.recurse=false"),
)
_STAYS = ("GIT_SSL_", "GIT_SSH", "GIT_PROXY", "GIT_CEILING_DIRECTORIES", "GIT_CONFIG_")
"""Variables of git that say how to reach a remote, or what is to be trusted."""


class GitError(Exception):
    """A call of git failed."""

    def __init__(self, message: str, *, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        """The exit code; None: it did not end by itself."""


class GitMissingError(GitError):
    """There is no git on this machine."""


class GitOutputTooLargeError(GitError):
    """More came out of a call than its caller will take."""


def run_git(
    directory: Path,
    *arguments: str | bytes,
    options: Sequence[str] = (),
    input_: bytes = b"",
    timeout_s: float = TIMEOUT_S,
    variables: Mapping[str, str] | None = None,
    output_bytes_max: int | None = None,
) -> bytes:
    """Return what `git ARGUMENTS`, run in `directory`, writes on stdout.

    Args:
        options: more of git's own, before the command.
        variables: more of the environment.

    Raises:
        GitMissingError: git is not installed.
        GitOutputTooLargeError: there is more than `output_bytes_max`.
        GitError: it failed, or took longer than `timeout_s`.
    """
    command = ["git", *_OPTIONS, *options, *arguments]
    # What is said on stderr has no limit: a pipe that nobody empties would stop git.
    with tempfile.TemporaryFile() as problem:
        try:
            process = subprocess.Popen(  # noqa: S603 (no shell)
                command,
                cwd=directory,
                env=_environ() | dict(variables or {}),
                stdin=subprocess.PIPE if input_ else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=problem,
            )
        except FileNotFoundError as error:
            if not directory.is_dir():
                raise GitError(f"there is no folder '{directory}'") from error
            raise GitMissingError("git is not installed") from error
        except OSError as error:
            raise GitError(f"cannot run git: {error}") from error
        stopper = threading.Timer(timeout_s, process.kill)
        stopper.daemon = True
        stopper.start()
        with process:
            try:
                output = _exchange(process, input_, output_bytes_max)
                process.wait()
            finally:
                process.kill()
                stopper.cancel()
        if process.returncode == -9:
            raise GitError(f"'git {_name(arguments)}' took longer than {timeout_s:g} s")
        if process.returncode:
            problem.seek(0)
            raise GitError(_reason(problem.read()), code=process.returncode)
        return output


def _exchange(
    process: subprocess.Popen[bytes], input_: bytes, output_bytes_max: int | None
) -> bytes:
    """Return what `process` writes; it is not waited for."""
    assert process.stdout is not None
    if input_:
        return process.communicate(input_)[0]
    if output_bytes_max is None:
        return process.stdout.read()
    output = process.stdout.read(output_bytes_max + 1)
    if len(output) > output_bytes_max:
        raise GitOutputTooLargeError(f"more than {output_bytes_max} bytes came")
    return output


def _reason(problem: bytes) -> str:
    """Return the one line of what git said that says why it failed."""
    lines = problem.decode(errors="replace").strip().splitlines()
    for beginning in ("fatal: ", "error: "):
        for line in lines:
            if line.startswith(beginning):
                return line.removeprefix(beginning)
    return lines[-1] if lines else "git gave no reason"


def _name(arguments: Sequence[str | bytes]) -> str:
    first = arguments[0] if arguments else ""
    return first if isinstance(first, str) else os.fsdecode(first)


def _environ() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(_STAYS)
    }
    return kept | {
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",
        # Never wait for a password that nobody is asked for.
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "SSH_ASKPASS": "true",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_LAZY_FETCH": "1",
    }

"""The `lakebed` command: its commands, and what becomes of an error.

Every error ends here as one line on standard error and an exit code of `exits.py`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_command

from . import help_page
from .commands import COMMANDS, GROUPS, register
from .completing import LINE_VARIABLE
from .exits import CommandError, ExitCode, ReaderLeftError, exit_code_of
from .profiles import PROFILE_VARIABLE
from .text import escape

SERVER_VARIABLE = "LAKEBED_SERVER"
SAID_BEFORE_THE_COMMAND = (SERVER_VARIABLE, PROFILE_VARIABLE)
"""What options before the command set, for this one command line."""

OPTIONS_WITH_A_VALUE = ("-S", "--server", "--profile")
"""What may stand before the command, with a word that is none."""

DEBUG_VARIABLE = "LAKEBED_DEBUG"
"""Set to anything: a defect shows its traceback."""


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"lakebed {version('lakebed')}")
        raise typer.Exit


def build(name: str | None = None) -> typer.Typer:
    """Return the command line, whole, or with what it takes to run the command `name`."""
    app = typer.Typer(
        name="lakebed",
        cls=help_page.RootGroup,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        # `lakebed completion` prints scripts of our own.
        add_completion=False,
        # Plain help: it comes three times as fast, and reads the same in a pipe.
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(root)
    register(app, name)
    return app


def root(
    server: Annotated[
        str | None,
        typer.Option("--server", "-S", metavar="URL|DIR", help="Server to ask"),
    ] = None,
    profile: Annotated[
        str | None,
        typer.Option("--profile", metavar="NAME", help="Profile of lakebed login"),
    ] = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version"
        ),
    ] = False,
) -> None:
    """Version data in object storage, as Git versions code."""
    del version
    # What stands before the command is said for this run, as the variables are.
    if server is not None:
        os.environ[SERVER_VARIABLE] = server
    if profile is not None:
        os.environ[PROFILE_VARIABLE] = profile


def find_command(arguments: Sequence[str]) -> str | None:
    """Return the command that a command line asks for, if there is such a one."""
    words = iter(arguments)
    for word in words:
        if word in OPTIONS_WITH_A_VALUE:
            next(words, None)
        elif not word.startswith("-"):
            return word if word in COMMANDS or word in GROUPS else None
    return None


@cache
def _make_ready(name: str | None) -> Any:  # of a class that Typer keeps to itself
    """Return what runs the command `name`, once for all lines that a process runs."""
    return get_command(build(name))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code; every error is printed."""
    before = {name: os.environ.get(name) for name in SAID_BEFORE_THE_COMMAND}
    try:
        return _run(arguments)
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _run(arguments: list[str]) -> int:
    try:
        ready = _make_ready(find_command(arguments))
        result = ready(arguments, prog_name="lakebed", standalone_mode=False)
        sys.stdout.flush()
    except typer.Abort:
        _complain("stopped")
        return ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except (ReaderLeftError, BrokenPipeError):
        # They have seen enough, and there is nobody to tell. Without this Python itself
        # would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.READER_LEFT
    except Exception as error:  # noqa: BLE001 - the edge: nothing goes past it
        return _report(error)
    return result if isinstance(result, int) else ExitCode.OK


def main() -> None:
    """Run the command line of this process, or complete one for a shell."""
    line = os.environ.get(LINE_VARIABLE)
    if line is not None:
        complete(line)
    sys.exit(run(sys.argv[1:]))


def complete(line: str) -> NoReturn:
    """Print what the command line `line` may become, and end.

    A candidate a line, then with a tab what it is: what Typer tells the shell fish, and
    the scripts of `lakebed completion` understand for every shell.
    """
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()
    os.environ.update(
        {
            "_LAKEBED_COMPLETE": "complete_fish",
            "_TYPER_COMPLETE_FISH_ACTION": "get-args",
            "_TYPER_COMPLETE_ARGS": line,
        }
    )
    try:
        build()([], prog_name="lakebed")
    except Exception:  # noqa: BLE001 - nobody asked for an error in the middle of a line
        sys.exit(ExitCode.FAILED)
    sys.exit(ExitCode.OK)


def _report(error: Exception) -> int:
    usage = help_page.explain_usage(error)
    if usage is not None:
        if usage.startswith("Usage:"):
            typer.echo(usage, err=True)
        else:
            _complain(usage)
        return ExitCode.USAGE
    if isinstance(error, CommandError):
        _complain(str(error))
        return ExitCode.FAILED
    from lakebed.client import ClientError, DamagedDataError

    if isinstance(error, ClientError):
        way_out = ""
        if isinstance(error, DamagedDataError):
            way_out = "; 'lakebed admin verify' names all that is damaged"
        _complain(f"{error}{way_out}")
        return exit_code_of(error)
    if os.environ.get(DEBUG_VARIABLE):
        raise error
    if isinstance(error, OSError) and error.strerror:
        name = f" '{error.filename}'" if error.filename else ""
        _complain(f"cannot use{name or ' a file'}: {error.strerror.lower()}")
        missing = isinstance(error, FileNotFoundError)
        return ExitCode.NOT_FOUND if missing else ExitCode.FAILED
    _complain(
        f"this is a defect of lakebed: {type(error).__name__}: {error}; "
        f"set {DEBUG_VARIABLE}=1 to see where"
    )
    return ExitCode.FAILED


def _complain(text: str) -> None:
    typer.echo(f"error: {escape(text)}", err=True)

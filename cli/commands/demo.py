"""`lakebed demo`: the whole road on real data, and everything cleaned up after it."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import tempfile
from collections.abc import Generator, Mapping
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from ..exits import ExitCode
from ..output import print_line, say
from ..text import escape
from .serving import find_missing_packages


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("demo")(demo)


def demo(
    directory: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="New directory to keep everything in; else a temporary one",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the server running at the end")
    ] = False,
) -> None:
    """Take the tour: version a real table, and read it at a tag through S3.

    Each step shows the command that you would type, and what it prints. It starts a
    server of its own on this machine and connects to nothing else.
    """
    missing = find_missing_packages()
    if missing:
        say(
            f"error: cannot run the demo: {', '.join(missing)} not installed; "
            "install the server part with: pip install 'lakebed[server]'"
        )
        raise typer.Exit(ExitCode.FAILED)
    if directory is not None and directory.exists() and any(directory.iterdir()):
        raise typer.BadParameter(f"'{directory}' is not empty: give a new directory")
    # Absolute, because the tour goes to a folder of its own.
    target = directory.absolute() if directory is not None else None
    with _signals_as_exits(), _temporary_folder(keep=keep) as place:
        _run(target or place / "lake", place, is_given=directory is not None, keep=keep)


def _run(lake: Path, place: Path, *, is_given: bool, keep: bool) -> None:
    from ..demo.server import start_server
    from ..demo.shell import Shell
    from ..demo.tour import put_files, take_tour
    from ..main import run

    work = place / "work"
    work.mkdir()
    put_files(work)
    print_line(
        "# A server over a new directory, on this machine only", style="bold cyan"
    )
    server = start_server(lake, place / "server.log")
    is_done = False
    try:
        listen = server.url.removeprefix("http://")
        print_line(
            f"$ lakebed serve {shlex.quote(str(lake))} --listen {listen} --init-admin &",
            style="bold",
        )
        print_line(f"$ export LAKEBED_SERVER={server.url}", style="bold")
        with _environment(server.environment), contextlib.chdir(work):
            take_tour(Shell(run, work, dict(os.environ)))
        is_done = True
    finally:
        if not (keep and is_done):
            server.stop()
    if keep:
        _write_environment(place / "env", server.environment)
        _tell_kept(server.url, server.process.pid, place, lake)
    else:
        _tell_next(lake if is_given else None)


def _tell_next(lake: Path | None) -> None:
    print_line("")
    print_line("# What to try next", style="bold cyan")
    if lake is not None:
        where = shlex.quote(str(lake))
        print_line(f"lakebed -S {where} log penguins/main    # no server needed")
        print_line(f"lakebed serve {where}")
    else:
        print_line(
            "lakebed demo --keep        # the same, and the server stays to play"
        )
        print_line("lakebed -S ./lake repo create mine    # your own, no server needed")
        print_line("lakebed serve ./lake --init-admin     # for S3 clients and others")
    print_line("lakebed --help")


def _tell_kept(url: str, process_id: int, place: Path, lake: Path) -> None:
    env = escape(str(place / "env"))
    print_line("")
    print_line("# The server stays", style="bold cyan")
    print_line(f"address    {url} (S3 and REST), process {process_id}")
    print_line(f"data       {escape(str(lake))}")
    print_line(f"keys       . {env}")
    print_line("           sets LAKEBED_SERVER, LAKEBED_ACCESS_KEY_ID and")
    print_line("           LAKEBED_SECRET_ACCESS_KEY, and the same for AWS clients")
    print_line(f"stop       kill {process_id}")
    print_line(f"remove     rm -r {escape(str(place))}")
    print_line("")
    print_line("# What to try next", style="bold cyan")
    print_line(f". {env}")
    print_line("lakebed ls penguins")
    print_line("lakebed reflog penguins/main")
    print_line("lakebed undo penguins/main")


def _write_environment(path: Path, environment: Mapping[str, str]) -> None:
    lines = [
        f"export {name}={shlex.quote(value)}\n" for name, value in environment.items()
    ]
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.writelines(lines)


@contextlib.contextmanager
def _temporary_folder(*, keep: bool) -> Generator[Path]:
    """Give a folder that goes when we go, unless it is kept and all went well."""
    place = Path(tempfile.mkdtemp(prefix="lakebed-demo-"))
    try:
        yield place
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    if not keep:
        shutil.rmtree(place, ignore_errors=True)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Generator[None]:
    old = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in old.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _signals_as_exits() -> Generator[None]:
    """Make SIGTERM and SIGHUP end the block as an exception, so that it cleans up.

    Python drops an exception that comes while it runs a callback of its own, such as
    the locks of imports have. The block then ends with it when it is through.
    """
    received: list[int] = []

    def leave(number: int, frame: FrameType | None) -> None:
        del frame
        received.append(number)
        # Not typer's: the command of the step that runs would take it for its own.
        raise SystemExit(128 + number)

    old = {
        number: signal.signal(number, leave)
        for number in (signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
        if received:
            raise SystemExit(128 + received[0])
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)

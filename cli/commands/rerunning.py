"""`lakebed rerun`: do a run again, and tell whether the same comes of it."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..asking import ask_target
from ..exits import ExitCode
from ..output import print_json, say
from ..profiles import find_target
from ..text import escape

if TYPE_CHECKING:
    from lakebed.client import ClientError
    from lakebed.client.rerunning.options import RerunOptions
    from lakebed.client.rerunning.outcome import RerunOutcome
    from lakebed.client.rerunning.verifying import Tolerances


class EnvironmentChoice(StrEnum):
    """Which environment the command runs in."""

    RECREATE = "recreate"
    CURRENT = "current"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("rerun")(rerun)


def rerun(
    subject: options.Subject,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare what comes of it, byte by byte")
    ] = False,
    environment: Annotated[
        EnvironmentChoice,
        typer.Option(
            "--env",
            help="Make the recorded environment again, or take the one that is here",
        ),
    ] = EnvironmentChoice.RECREATE,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(
            "--tolerance",
            metavar="NAME=NUMBER",
            help="How far a metric, or the numbers of an output, may be apart; NAME may "
            "have *; may be repeated",
            show_default=False,
        ),
    ] = None,
    code: Annotated[
        str | None,
        typer.Option(
            "--code",
            metavar="DIR|URL",
            help="Git repository to take the code from, if not the recorded remote",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="DIR",
            help="New directory to do it in, which stays; else a temporary one",
            show_default=False,
        ),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Do a run again: its code, its data, its environment, its seeds, its command.

    In a folder of its own, as a run of its own, which publishes nothing. With --verify
    every output and metric is compared, and the verdict is kept with the first run.
    Exit code 0: identical, or within the tolerance. 6: it differs. 1: it could not run.
    """
    from lakebed.client import ClientError
    from lakebed.client.rerunning.options import RerunOptions

    tolerances = _parse_tolerances(tolerance or [])
    folder = (
        keep.absolute()
        if keep is not None
        else Path(tempfile.mkdtemp(prefix="lakebed-rerun-"))
    )
    wanted = RerunOptions(
        folder=folder,
        verify=verify,
        environment=environment.value,
        code_from=_code_source(code),
        tolerances=tolerances,
        tell=lambda text: say(f"rerun: {escape(text)}"),
    )
    try:
        found = _run(subject, wanted, server)
    except ClientError as error:
        error.args = (f"{error}{_way_out(error)}",)
        if _is_used(folder):
            error.args = (f"{error}; what is there so far is in '{folder}'",)
        else:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    except BaseException:
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if keep is None and found.could_run:
        shutil.rmtree(folder, ignore_errors=True)
        found = found.without_folder()
    _tell(found, as_document=as_document)
    if found.status == "interrupted":
        raise typer.Exit(ExitCode.INTERRUPTED)
    if not found.could_run:
        raise typer.Exit(ExitCode.FAILED)
    if found.differs:
        raise typer.Exit(ExitCode.DIFFERENT)


def _run(subject: str, wanted: RerunOptions, server: str | None) -> RerunOutcome:
    from lakebed.client.blocking.client import Client
    from lakebed.client.rerunning.again import run_again

    target = find_target(server)

    def open_client() -> Client:
        return Client(
            target.server,
            access_key_id=target.access_key_id,
            secret_access_key=target.secret_access_key,
        )

    with _output_to_stderr():
        return run_again(partial(ask_target, target), open_client, subject, wanted)


@contextmanager
def _output_to_stderr() -> Generator[None]:
    """Send what the command writes to standard error: ours has the verdict, and no more."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _tell(found: RerunOutcome, *, as_document: bool) -> None:
    if as_document:
        print_json(found)
        return
    from ..provenance.outcome import facts_of
    from ..provenance.screen import print_facts

    print_facts(facts_of(found))


def _code_source(code: str | None) -> Path | str | None:
    if code is None or "://" in code or not Path(code).is_dir():
        return code
    return Path(code).absolute()


def _way_out(error: ClientError) -> str:
    from lakebed.client.rerunning import errors

    match error:
        case errors.CodeNotRestoredError():
            return "; --code DIR|URL names a repository that has it"
        case errors.EnvironmentNotRestoredError():
            return "; --env current takes the environment that is here"
        case errors.ProgramMissingError():
            return "; install it, or --env recreate makes the recorded environment"
        case errors.NothingToCompareError():
            return "; without --verify it is only done again"
        case _:
            return ""


def _is_used(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _parse_tolerances(given: Sequence[str]) -> Tolerances:
    from lakebed.client.rerunning.errors import RerunError
    from lakebed.client.rerunning.verifying import Tolerances

    by_name: dict[str, float] = {}
    for text in given:
        name, equals, number = text.rpartition("=")
        try:
            by_name[name] = float(number)
        except ValueError:
            equals = ""
        if not (name and equals):
            raise typer.BadParameter(
                f"--tolerance '{text}' is not NAME=NUMBER, such as auc=1e-6"
            )
    try:
        return Tolerances(by_name)
    except RerunError as error:
        raise typer.BadParameter(f"--tolerance: {error}") from error

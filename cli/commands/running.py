"""`lakebed run`: run a command, and record which code, data and configuration it had."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..completing import complete_location, complete_repository
from ..exits import CommandError, ExitCode, exit_code_of
from ..http_library import import_http_library
from ..output import say
from ..profiles import find_target
from ..running.arguments import parse_input, parse_output, parse_params
from ..text import escape

if TYPE_CHECKING:
    from lakebed.client.runs.capturing import Capturing, Command
    from lakebed.client.runs.command import CommandEnd
    from lakebed.client.runs.plan import Plan


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    # What follows the command is the command's own, with `--` before it and without.
    app.command("run", context_settings={"allow_interspersed_args": False})(run)


def run(
    command: Annotated[
        list[str], typer.Argument(metavar="COMMAND...", help="What to run")
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="ADDRESS=LOCAL",
            help="What it reads, checked out to LOCAL before it starts, if that is said",
            autocompletion=complete_location,
        ),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="LOCAL=ADDRESS",
            help="A file or folder that it writes, and the branch where it goes then",
        ),
    ] = None,
    config: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Configuration: kept, and its values are parameters"
        ),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="A parameter to record"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=2**63 - 1,
            help="Seed of all random numbers, in LAKEBED_SEED for the command",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str,
        typer.Option(metavar="EXPERIMENT", help="What it is a try of"),
    ] = "",
    repo: Annotated[
        str | None,
        typer.Option(
            metavar="REPO",
            help="Where it is recorded, if not with its first output or input",
            autocompletion=complete_repository,
        ),
    ] = None,
    keep_on_interrupt: Annotated[
        bool,
        typer.Option(
            "--keep-on-interrupt",
            help="Publish also after Ctrl-C, if the command saves its work and exits with 0",
        ),
    ] = False,
    server: options.Server = None,
) -> None:
    """Run a command, and record what it was and what came of it.

    Code, configuration, environment, what it reads and writes, its log and its exit code,
    which is that of `lakebed run` too. Branches are read as they were at the start; what
    is written is published as one commit when the command has succeeded. The last line
    on standard error is `run ID`.
    """
    wanted_inputs = [parse_input(text) for text in inputs or []]
    wanted_outputs = [parse_output(text) for text in outputs or []]
    params = parse_params(param or [])
    for file in config or []:
        if not file.is_file():
            raise typer.BadParameter(f"--config '{file}' is not there")
    if repo is None and not wanted_inputs and not wanted_outputs:
        raise typer.BadParameter(
            "name an input, an output or, with --repo, a repository"
        )
    from lakebed.client.runs.capturing import Capturing, Command
    from lakebed.client.runs.plan import Plan

    plan = Plan(
        experiment=name,
        repository=repo,
        params=params,
        inputs=wanted_inputs,
        outputs=wanted_outputs,
        config=config or [],
        seed=seed,
    )
    said = {
        "inputs": inputs or [],
        "outputs": outputs or [],
        "seed": seed,
        "experiment": name,
        "params": params,
    }
    what = Command(argv=command, directory=Path.cwd(), environ=os.environ, options=said)
    # Before what speaks to the server is imported: that takes as long as git does.
    capturing = Capturing(plan, what)
    end = execute(server, plan, what, capturing, keeps_on_interrupt=keep_on_interrupt)
    raise typer.Exit(tell(end))


def execute(
    server: str | None,
    plan: Plan,
    command: Command,
    capturing: Capturing,
    *,
    keeps_on_interrupt: bool = False,
) -> CommandEnd:
    """Run `command` as a recorded run, and return what came of it.

    Raises:
        ClientError: the run could not begin.
    """
    import_http_library()
    from lakebed.client import Client
    from lakebed.client.runs.command import CommandRun

    from ..transfer.progress import TransferProgress

    target = find_target(server)
    with Client(
        target.server,
        access_key_id=target.access_key_id,
        secret_access_key=target.secret_access_key,
    ) as client:
        return CommandRun(
            client,
            plan,
            command,
            capturing=capturing,
            watch=TransferProgress,
            keeps_on_interrupt=keeps_on_interrupt,
        ).run()


def tell(end: CommandEnd) -> int:
    """Say what came of a run, and return the exit code that tells it."""
    from lakebed.client import ClientError
    from lakebed.client.runs.process import CommandNotStartedError

    code = end.exit_code
    if end.is_line_open and sys.stderr.isatty():
        say("")
    if end.problem is not None:
        say(f"error: {escape(str(end.problem))}")
        failed_alone = code == ExitCode.FAILED
        if isinstance(end.problem, ClientError) and failed_alone:
            code = exit_code_of(end.problem)
        if not isinstance(end.problem, ClientError | CommandNotStartedError | OSError):
            raise CommandError(str(end.problem))
    if end.is_held_back:
        say(
            "interrupted: nothing is published, though the command exited with 0; "
            "'lakebed run --keep-on-interrupt' publishes then"
        )
    say(f"run {end.run}")
    return code

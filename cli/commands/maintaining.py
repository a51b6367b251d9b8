"""`lakebed admin`: what is done to the directory of a lake, beside serving it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from .. import options
from ..consent import confirm
from ..exits import CommandError, ExitCode
from ..output import print_json, print_line, say
from ..profiles import find_target
from ..text import SHORT_ID, escape, format_bytes, format_count, format_time
from ..transfer.progress import TransferProgress
from .serving import find_missing_packages

if TYPE_CHECKING:
    from lakebed.client.wire import Body
    from lakebed.client.wire.maintenance import (
        RebuildReport,
        VerifyFault,
        VerifyReport,
    )

E = TypeVar("E", bound="Body")

MODULE = "lakebed.server.maintenance"
HEADS_SHOWN_MAX = 20
_SAMPLE = re.compile(r"(?P<percent>[0-9]{1,3}(\.[0-9]+)?)%|(?P<packs>[0-9]{1,9})")

app = typer.Typer(help="Verify a lake, and repair its index.", no_args_is_help=True)

Directory = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DIR]",
        help="The directory of the lake; else what --server or LAKEBED_SERVER says",
        show_default=False,
    ),
]


@app.command()
def verify(
    directory: Directory = None,
    sample: Annotated[
        str | None,
        typer.Option(
            metavar="N%|N",
            help="Look into a share of the packs, or so many, instead of all",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Which packs a sample takes: the same seed takes the same ones",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Packs looked into at one time [default: cores]",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look only: mark nothing as damaged")
    ] = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Check that everything stored is what was written, and that nothing is missing.

    Reads every pack, a server may go on meanwhile. Says of each fault which refs and
    paths it concerns. What is damaged is marked, so that it is stored anew when the same
    bytes come again. Exit code 6 if anything is wrong; docs/recovery.md says what to do.
    """
    from lakebed.client.wire.maintenance import VerifyEvent

    arguments = ["verify", str(_find_directory(directory, server))]
    arguments += _read_sample(sample)
    if seed is not None:
        arguments.append(f"--seed={seed}")
    if threads is not None:
        arguments.append(f"--threads={threads}")
    if dry_run:
        arguments.append("--dry-run")
    report: VerifyReport | None = None
    with TransferProgress("verifying") as progress:
        done_bytes = 0
        for event in _iter_events(arguments, VerifyEvent):
            if event.progress is not None:
                progress.set_total(event.progress.pack_bytes_total)
                progress.advance(event.progress.pack_bytes - done_bytes)
                done_bytes = event.progress.pack_bytes
            report = event.report or report
    if report is None:
        raise CommandError("the verification ended without a report")
    if as_document:
        print_json(report)
    else:
        _show_report(report)
    if not report.is_sound:
        raise typer.Exit(ExitCode.DIFFERENT)


@app.command("rebuild-index")
def rebuild_index(
    directory: Directory = None,
    recover: Annotated[
        str | None,
        typer.Option(
            metavar="REPO",
            help="Give commits that belong to no repository a new one of this name",
            show_default=False,
        ),
    ] = None,
    yes: options.Yes = False,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Make the index of chunks anew, from the packs alone; nobody may serve meanwhile.

    Where the database is lost it makes a new one. Names, uncommitted changes, users and
    keys are in no pack: they stay as they are, or come from a backup of the database.
    Exit code 6 if something that the index had is in no pack, or is damaged.
    """
    from lakebed.client.wire.maintenance import RebuildEvent

    path = _find_directory(directory, server)
    confirm(f"Make the index of '{escape(str(path))}' anew?", yes=yes)
    arguments = ["rebuild-index", str(path)]
    if recover is not None:
        arguments.append(f"--recover={recover}")
    report: RebuildReport | None = None
    for event in _iter_events(arguments, RebuildEvent):
        report = event.report or report
    if report is None:
        raise CommandError("the rebuild ended without a report")
    if as_document:
        print_json(report)
    else:
        _show_rebuilt(report)
    if report.lost or report.damaged:
        raise typer.Exit(ExitCode.DIFFERENT)


def _find_directory(directory: Path | None, server: str | None) -> Path:
    if directory is not None:
        return directory
    said = find_target(server).server
    if "://" in said:
        raise CommandError(
            f"cannot open '{escape(said)}': this needs the directory itself: run it on "
            "the machine of the server, as 'lakebed admin ... DIR'"
        )
    return Path(said)


def _read_sample(sample: str | None) -> list[str]:
    if sample is None:
        return []
    match = _SAMPLE.fullmatch(sample)
    if match is not None and match["percent"] and 0 < float(match["percent"]) <= 100:
        return [f"--share={float(match['percent']) / 100}"]
    if match is not None and match["packs"] and int(match["packs"]):
        return [f"--packs={match['packs']}"]
    raise typer.BadParameter(
        f"--sample '{escape(sample)}' is no sample: write 1% or a number of packs"
    )


def _iter_events(arguments: Sequence[str], kind: type[E]) -> Iterator[E]:
    """Yield what the server part tells while it does what `arguments` say.

    Raises:
        typer.Exit: it failed, and has said why on standard error.
    """
    from lakebed.client.wire import decode

    missing = find_missing_packages()
    if missing:
        raise CommandError(
            f"{', '.join(missing)} not installed; "
            "install the server part with: pip install 'lakebed[server]'"
        )
    command = [sys.executable, "-m", MODULE, *arguments]
    # Our own interpreter, no shell.
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdout is not None
        try:
            for line in process.stdout:
                yield decode(line, kind)
        except BaseException:
            process.terminate()
            raise
    if process.returncode not in (ExitCode.OK, ExitCode.DIFFERENT):
        raise typer.Exit(process.returncode if process.returncode > 0 else 1)


def _show_report(report: VerifyReport) -> None:
    rate = report.pack_bytes / report.cpu_seconds if report.cpu_seconds else 0.0
    which = "" if report.seed is None else f", a sample with seed {report.seed}"
    print_line(
        f"looked into {report.packs:,} of {format_count(report.packs_total, 'pack')}"
        f"{which}: {format_bytes(report.pack_bytes)} in {report.seconds:.1f} s "
        f"({format_bytes(round(rate))} a second of CPU)"
    )
    frames = [format_count(count, name) for name, count in report.frames.items()]
    print_line(f"frames: {', '.join(frames) or 'none'}")
    rows = [f"{count:,} of {name}" for name, count in report.rows.items() if count]
    print_line(f"rows: {', '.join(rows) or 'none'}")
    for note in report.notes:
        print_line(f"note: {escape(note)}")
    for fault in report.faults:
        _show_fault(fault)
    if report.quarantined or report.healed:
        print_line(
            f"{report.quarantined:,} marked as damaged, {report.healed:,} whole again"
        )
    if report.is_sound:
        print_line("nothing is wrong")
        return
    count = len(report.faults) + report.more_faults
    say(f"{format_count(count, 'fault')}: docs/recovery.md says what to do")


def _show_fault(fault: VerifyFault) -> None:
    where = f" at {fault.offset}" if fault.offset is not None else ""
    of_pack = (
        f"{where} of pack {fault.pack}"
        if fault.pack and fault.what != "pack"
        else where
    )
    print_line(
        f"fault: {fault.what} {escape(fault.id)}{of_pack}: {escape(fault.reason)}"
    )
    for name in fault.names:
        ref = f"/{name.ref}" if name.ref else ""
        path = f"/{name.path}" if name.path else ""
        print_line(f"  concerns {escape(f'{name.repository}{ref}{path}')}")
    if fault.more_names:
        print_line(f"  and {fault.more_names:,} more")


def _show_rebuilt(report: RebuildReport) -> None:
    if report.is_new_database:
        print_line(
            "there was no database: it is a new one, without repositories, users and keys"
        )
    print_line(
        f"index of {format_count(report.packs, 'pack')} made anew: {report.chunks:,} "
        f"rows, {report.chunks_before:,} before; {report.added:,} are new or moved"
    )
    if report.packs_added or report.packs_lost:
        print_line(
            f"{format_count(report.packs_added, 'pack')} that the database did not know, "
            f"{report.packs_lost:,} that are not there any more"
        )
    for pack in report.scanned:
        print_line(f"note: read frame by frame: pack {escape(pack)}")
    if report.lost or report.damaged:
        print_line(
            f"{report.lost:,} rows are gone, because no pack has their bytes; "
            f"{format_count(report.damaged, 'frame')} damaged, with no other copy"
        )
        say("run 'lakebed admin verify' to see what it concerns")
    if report.recovered_repository is not None:
        print_line(
            f"{format_count(report.recovered_commits, 'commit')} in the new repository "
            f"'{escape(report.recovered_repository)}', with the branches "
            f"{', '.join(report.recovered_branches) or 'none'}"
        )
    elif report.lost_commits:
        print_line(
            f"{format_count(report.lost_commits, 'commit')} belong to no repository; "
            "their heads, the newest first ('--recover REPO' gives them one):"
        )
        for head in report.lost_heads[:HEADS_SHOWN_MAX]:
            subject = head.message.partition("\n")[0]
            missing = "" if head.is_readable else "  (its tree is not stored)"
            print_line(
                f"  {head.id[:SHORT_ID]}  {format_time(head.creation_date)}  "
                f"{escape(head.committer)}  {escape(subject)}{missing}"
            )
        if len(report.lost_heads) > HEADS_SHOWN_MAX:
            print_line(f"  and {len(report.lost_heads) - HEADS_SHOWN_MAX:,} more")

"""`python -m lakebed.server.maintenance`: what is done to a directory, beside serving it.

    verify DIR         checks everything that is stored; servers may run beside it
    rebuild-index DIR  makes the index of chunks anew; nobody else may have it open

The command line starts it and shows people what comes out: lines of JSON on stdout, as
in `client/wire/maintenance.py`. An error is one line on stderr. Exit codes are those of
the command line: 0 done and sound, 1 failed, 5 the directory cannot be opened, 6 damage.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lakebed.client.wire import Body, encode
from lakebed.client.wire.maintenance import (
    FaultName,
    LostCommit,
    RebuildEvent,
    RebuildReport,
    VerifyEvent,
    VerifyFault,
    VerifyProgress,
    VerifyReport,
)

from .auth.names import owner_name
from .errors import DurabilityLostError, LakeError, StartupError
from .logs import set_up_logging
from .metadata.directory import DATABASE
from .metadata.metadata import SqlMetadata, system_clock_ms
from .metadata.rebuilding import RebuiltIndex, rebuild_index
from .repository.engine import Engine
from .repository.recovering import (
    LostCommits,
    Recovered,
    list_lost_commits,
    recover_commits,
)
from .repository.verifying.report import Fault, Report
from .repository.verifying.run import Progress, Sample, verify
from .storage.local import LocalPackStorage

OK, FAILED, UNUSABLE, DAMAGED = 0, 1, 5, 6

_TELL_S = 0.2
"""Between two lines of progress: what an eye follows."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what `arguments` say, and return the exit code."""
    given = _make_parser().parse_args(arguments)
    set_up_logging("WARNING")
    try:
        if not given.directory.is_dir():
            raise StartupError(f"cannot open '{given.directory}': no such directory")
        if given.command == "verify":
            return asyncio.run(_verify(given))
        return asyncio.run(_rebuild(given))
    except StartupError as error:
        print(f"error: {error}", file=sys.stderr)
        return UNUSABLE
    except LakeError as error:
        print(f"error: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return 130


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m lakebed.server.maintenance")
    commands = parser.add_subparsers(dest="command", required=True)
    checking = commands.add_parser("verify")
    checking.add_argument("directory", type=Path)
    checking.add_argument(
        "--share", type=float, default=0.0, help="of the packs, up to 1"
    )
    checking.add_argument("--packs", type=int, default=0, help="so many packs")
    checking.add_argument("--seed", type=int)
    checking.add_argument("--threads", type=int)
    checking.add_argument("--dry-run", action="store_true")
    rebuilding = commands.add_parser("rebuild-index")
    rebuilding.add_argument("directory", type=Path)
    rebuilding.add_argument("--recover", metavar="REPOSITORY")
    return parser


async def _verify(given: argparse.Namespace) -> int:
    directory: Path = given.directory.absolute()
    if not (directory / DATABASE).exists():
        raise StartupError(
            f"cannot verify '{directory}': no database is there: check the path; if the "
            "database was lost, 'lakebed admin rebuild-index' makes another"
        )
    sample = None
    if given.share or given.packs:
        seed = secrets.randbits(31) if given.seed is None else given.seed
        sample = Sample(seed, given.share, given.packs)
    tell = _Teller()

    def on_progress(progress: Progress) -> None:
        tell(
            lambda: VerifyEvent(
                progress=VerifyProgress(
                    packs_total=progress.packs_total,
                    packs=progress.packs,
                    pack_bytes=progress.pack_bytes,
                    pack_bytes_total=progress.pack_bytes_total,
                    fault_count=progress.faults,
                )
            )
        )

    async def work(engine: Engine) -> Report:
        return await verify(
            engine,
            sample=sample,
            threads=given.threads,
            dry_run=given.dry_run,
            on_progress=on_progress,
        )

    report = await _with_engine(directory, work)
    _print(VerifyEvent(report=show_report(report)))
    return OK if report.is_sound else DAMAGED


async def _rebuild(given: argparse.Namespace) -> int:
    directory: Path = given.directory.absolute()
    tell = _Teller()
    storage = LocalPackStorage(directory)
    try:
        rebuilt = await asyncio.to_thread(
            rebuild_index,
            directory,
            storage,
            clock=system_clock_ms,
            on_progress=lambda packs: tell(lambda: RebuildEvent(packs=packs)),
        )
    finally:
        storage.close()

    async def work(engine: Engine) -> tuple[LostCommits, Recovered | None]:
        lost = await list_lost_commits(engine)
        if given.recover is None:
            return lost, None
        return lost, await recover_commits(engine, given.recover, actor=owner_name())

    lost, recovered = await _with_engine(directory, work)
    report = _show_rebuilt(rebuilt, lost, given.recover, recovered)
    _print(RebuildEvent(report=report))
    return OK if not (rebuilt.lost or rebuilt.damaged) else DAMAGED


async def _with_engine(directory: Path, work: Callable[[Engine], Any]) -> Any:
    """Return what `work` does with the lake in `directory`."""
    storage = LocalPackStorage(directory)
    try:
        metadata = SqlMetadata.open(directory, storage, on_fatal=_exit_at_once)
        try:
            engine = Engine.create(metadata, storage)
            try:
                return await work(engine)
            finally:
                await engine.close()
        finally:
            metadata.close()
    finally:
        storage.close()


def _exit_at_once(error: DurabilityLostError) -> None:
    """End after a failed fsync: nothing says any more what is on the disk."""
    print(f"error: {error}", file=sys.stderr, flush=True)
    os._exit(FAILED)


class _Teller:
    """Prints events of progress, now and then; from any thread."""

    def __init__(self) -> None:
        self._next_s = time.monotonic() + _TELL_S

    def __call__(self, make: Callable[[], Body]) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_s:
            self._next_s = now_s + _TELL_S
            _print(make())


def _print(event: Body) -> None:
    # One call, so that lines of two threads do not run into each other.
    sys.stdout.write(encode(event).decode() + "\n")
    sys.stdout.flush()


def show_report(report: Report) -> VerifyReport:
    """Return `report` as it is sent."""
    return VerifyReport(
        is_sound=report.is_sound,
        seed=report.seed,
        packs_total=report.packs_total,
        packs=report.packs,
        pack_bytes=report.pack_bytes,
        frames=dict(sorted(report.frames.items())),
        rows=dict(sorted(report.rows.items())),
        faults=[_show_fault(fault) for fault in report.faults],
        more_faults=report.more_faults,
        notes=list(report.notes),
        quarantined=report.quarantined,
        healed=report.healed,
        seconds=round(report.seconds, 3),
        cpu_seconds=round(report.cpu_seconds, 3),
    )


def _show_fault(fault: Fault) -> VerifyFault:
    return VerifyFault(
        what=fault.what,
        id=fault.id,
        reason=fault.reason,
        pack=fault.pack or None,
        offset=fault.offset,
        names=[
            FaultName(repository=one.repository, ref=one.ref, path=one.path)
            for one in fault.names
        ],
        more_names=fault.more_names,
    )


def _show_rebuilt(
    rebuilt: RebuiltIndex,
    lost: LostCommits,
    repository: str | None,
    recovered: Recovered | None,
) -> RebuildReport:
    return RebuildReport(
        is_new_database=rebuilt.is_new_database,
        packs=rebuilt.packs,
        packs_added=rebuilt.packs_added,
        packs_lost=rebuilt.packs_lost,
        chunks_before=rebuilt.chunks_before,
        chunks=rebuilt.chunks,
        added=rebuilt.added,
        kept=rebuilt.kept,
        lost=rebuilt.lost,
        damaged=rebuilt.damaged,
        scanned=rebuilt.scanned,
        lost_commits=lost.count,
        lost_heads=[
            LostCommit(
                id=head.commit.id.hex(),
                creation_date=head.commit.created_ms // 1000,
                committer=head.commit.committer,
                message=head.commit.message,
                is_readable=head.is_readable,
            )
            for head in lost.heads
        ],
        recovered_repository=repository if recovered is not None else None,
        recovered_commits=0 if recovered is None else recovered.commit_count,
        recovered_branches=[] if recovered is None else list(recovered.branches),
    )


if __name__ == "__main__":
    sys.exit(main())

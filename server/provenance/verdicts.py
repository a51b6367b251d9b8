"""What comparing a re-run with its first run came to, kept with the first."""

from __future__ import annotations

import msgspec
from lakebed.client.wire.runs import VerdictCreation

from ..errors import InvalidValueError, RunGoesOnError
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..runs.rows import RunRow, VerdictRow
from .callers import Caller, require_own
from .finding import find_readable

DIFFERENCES_MAX = 1000
"""Differences that are kept: a person looks at tens, and the count says how many."""


async def add_verdict(
    engine: Engine, run: RunRow, wish: VerdictCreation, caller: Caller
) -> VerdictRow:
    """Keep what a re-run of `run` came to; again for one re-run replaces it.

    Both must be sealed, and the re-run one of `run`, and the caller's: that of somebody
    else is not for them to judge.

    Raises:
        RunNotFoundError, PermissionDeniedError, RunGoesOnError, InvalidValueError
    """
    rerun = await find_readable(engine, wish.rerun, caller)
    require_own(caller, rerun)
    if rerun.rerun_of != run.name:
        raise InvalidValueError(
            "rerun", f"run '{rerun.name}' is no re-run of '{run.name}'"
        )
    for each in (run, rerun):
        if not each.is_sealed:
            raise RunGoesOnError(each.name, "it is compared when it has ended")
    verdict = VerdictRow(
        rerun.name,
        wish.is_identical,
        wish.compared,
        msgspec.json.encode(wish.differences[:DIFFERENCES_MAX]),
        caller.name,
        engine.clock(),
    )

    async def action(tx: WriteTransaction) -> None:
        await tx.add_verdict(run.id, rerun.id, verdict)

    await engine.metadata.write(action)
    return verdict

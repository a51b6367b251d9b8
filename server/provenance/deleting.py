"""Runs that nothing needs are deleted; what needs one is named."""

from __future__ import annotations

from ..errors import RunGoesOnError, RunNeededError
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..repository.publishing import start_full_purge
from ..runs.rows import RunRow

USERS_SHOWN_MAX = 20
"""Of what needs a run, in a refusal."""


async def delete_run(engine: Engine, run: RunRow, *, actor: str) -> None:
    """Delete `run`, its work branches and its rows; its record is collected later.

    Raises:
        RunGoesOnError: it has not ended.
        RunNeededError: a version, a check, a part or a re-run names it.
    """
    if not run.is_sealed:
        raise RunGoesOnError(run.name, "end it first")

    async def action(tx: WriteTransaction) -> None:
        needed_by = await tx.list_users_of_run(run.id, limit=USERS_SHOWN_MAX)
        if needed_by:
            raise RunNeededError(run.name, needed_by)
        for row in await tx.list_work_branches(run.id):
            if row.work_branch is not None:
                await tx.delete_ref(
                    row.repository_id,
                    row.work_branch,
                    kind="branch",
                    actor=actor,
                    now_ms=engine.clock(),
                )
        await tx.delete_run(run.id)

    await engine.metadata.write(action)
    start_full_purge(engine)

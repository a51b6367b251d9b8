"""A run ends: that is noted, its work is published, it is sealed.

Each step is one transaction, or can be done again, so that an end which was cut off goes
on where it stopped when it is asked for again, or when nothing was heard of the run.
"""

from __future__ import annotations

from contextlib import suppress

from lakebed.client.wire.runs import RunEnd

from ..errors import (
    InvalidValueError,
    LakeError,
    PermissionDeniedError,
    RefMovedError,
    RunEndedError,
    RunNotFoundError,
)
from ..history.commit import MESSAGE_BYTES_MAX
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..runs.documents import check_int
from ..runs.rows import RunRow
from ..runs.statuses import Status
from .adding import check_missing
from .callers import Caller, require_own
from .drafts import Draft, Ending, decode_draft, encode_draft
from .publishing import Published, Unpublished, count_unpublished, publish_run
from .sealing import seal

CHILDREN_AT_ONCE = 100
"""Parts of a run that end with it, at once."""


async def end_run(engine: Engine, run: RunRow, end: RunEnd, caller: Caller) -> RunRow:
    """End `run`, and return it sealed; asked for again alike, it answers alike.

    Raises:
        PermissionDeniedError, InvalidValueError
        RunEndedError: it ended otherwise.
        RefMovedError: a branch moves faster than outputs can be published: ask again.
    """
    require_own(caller, run)
    if len(end.message.encode()) > MESSAGE_BYTES_MAX:
        raise InvalidValueError(
            "message", f"commit message must be at most {MESSAGE_BYTES_MAX} bytes"
        )
    if end.exit_code is not None:
        check_int("exit_code", end.exit_code)
    if end.ended_ms is not None and not 0 <= end.ended_ms < 253_402_300_800_000:
        raise InvalidValueError("ended_ms", f"end {end.ended_ms} is no time")
    now_ms = engine.clock()
    ending = Ending(
        status=end.status,
        message=end.message,
        actor=caller.name,
        denied=await _find_denied(engine, run, caller),
    )

    async def note(tx: WriteTransaction) -> None:
        draft = decode_draft(await tx.find_draft(run.id))
        draft = draft.with_missing(check_missing(end.missing))
        await _note_end(
            tx, run, draft, ending, end.ended_ms or now_ms, exit_code=end.exit_code
        )

    await engine.metadata.write(note)
    sealed = await finish_run(engine, run)
    if not await _is_alike(engine, sealed, end):
        raise RunEndedError(run.name, f"it was sealed as '{sealed.status.word}'")
    return sealed


async def _find_denied(
    engine: Engine, run: RunRow, caller: Caller
) -> tuple[tuple[str, str], ...]:
    """Return where `run` has written, and `caller` may not: rights may have changed."""
    denied: list[tuple[str, str]] = []
    for row in await engine.metadata.list_work_branches(run.id):
        try:
            caller.require_write(row.repository, row.branch)
        except PermissionDeniedError:
            denied.append((row.repository, row.branch))
    return tuple(denied)


async def lose_run(engine: Engine, run: RunRow) -> RunRow:
    """Seal a run that was not heard of, or finish the end that was asked for."""

    async def note(tx: WriteTransaction) -> None:
        now = await tx.find_run_by_id(run.id)
        if now is None or not now.takes_more or now.heard_ms != run.heard_ms:
            return  # deleted, ending, or heard of just now
        draft = decode_draft(await tx.find_draft(run.id))
        await _note_end(
            tx, run, draft, Ending(status="lost"), run.heard_ms, exit_code=None
        )

    await engine.metadata.write(note)
    now = await engine.metadata.find_run_by_id(run.id)
    if now is None or now.takes_more:
        return run
    return await finish_run(engine, run)


async def _note_end(
    tx: WriteTransaction,
    run: RunRow,
    draft: Draft,
    ending: Ending,
    ended_ms: int,
    *,
    exit_code: int | None,
) -> None:
    """Note how `run` is to end, unless that was noted before."""
    noted = Draft(
        parts=draft.parts,
        outputs=draft.outputs,
        missing=draft.missing,
        begun_by_run=draft.begun_by_run,
        ending=ending,
    )
    await tx.end_run(
        run.id,
        encode_draft(noted),
        ended_ms=max(ended_ms, run.started_ms),
        exit_code=exit_code,
    )


async def finish_run(engine: Engine, run: RunRow) -> RunRow:
    """Bring the end of `run` that was asked for to its end; return it sealed.

    Raises:
        RunNotFoundError: it was deleted meanwhile.
        RefMovedError: ask again.
    """
    now = await engine.metadata.find_run_by_id(run.id)
    if now is not None and not now.is_sealed:
        draft = decode_draft(await engine.metadata.find_draft(run.id))
        if draft.ending is not None:
            await _end_parts(engine, now)
            status = Status.parse(draft.ending.status) or Status.FAILED
            published: list[Published] = []
            unpublished: list[Unpublished] = []
            if status is Status.SUCCEEDED:
                try:
                    published = await publish_run(engine, now, draft.ending)
                except RefMovedError:
                    # Another one that ends it may have come to the end just now.
                    again = await engine.metadata.find_run_by_id(run.id)
                    if again is None or not again.is_sealed:
                        raise
                    return again
                if any(each.commit is None for each in published):
                    status = Status.FAILED
            else:
                with suppress(LakeError):  # the count is not worth a run without an end
                    unpublished = await count_unpublished(engine, now)
            await seal(engine, now, draft, status, published, unpublished)
        now = await engine.metadata.find_run_by_id(run.id)
    if now is None:
        raise RunNotFoundError(run.name)
    return now


async def _end_parts(engine: Engine, run: RunRow) -> None:
    """End what the key of `run` began, as interrupted."""
    for child in await engine.metadata.list_children(run.id, limit=CHILDREN_AT_ONCE):
        draft = decode_draft(await engine.metadata.find_draft(child.id))
        if child.is_sealed or not draft.begun_by_run:
            continue
        ending = Ending(status="interrupted")
        ended_ms = run.ended_ms or engine.clock()

        async def note(
            tx: WriteTransaction,
            child: RunRow = child,
            ending: Ending = ending,
            ended_ms: int = ended_ms,
        ) -> None:
            draft = decode_draft(await tx.find_draft(child.id))
            await _note_end(tx, child, draft, ending, ended_ms, exit_code=None)

        await engine.metadata.write(note)
        await finish_run(engine, child)


async def _is_alike(engine: Engine, run: RunRow, end: RunEnd) -> bool:
    """Tell whether `run` was sealed as `end` asks for.

    What succeeded and could not be published is sealed as failed, with its work branch.
    """
    if run.status.word == end.status:
        return True
    if run.status is not Status.FAILED or end.status != "succeeded":
        return False
    return bool(await engine.metadata.list_work_branches(run.id))

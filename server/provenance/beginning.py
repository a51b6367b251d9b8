"""A run begins: one row, its key, and what it is declared to read."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import dataclass, field

from lakebed.client.wire.run_parts import PARTS
from lakebed.client.wire.runs import RunCreation

from ..errors import InvalidValueError, RefMovedError, RunEndedError
from ..ids import CommitId
from ..repository.contracts import WriteTransaction
from ..repository.engine import Engine
from ..repository.once import Once, run_once
from ..repository.resolving import get_repository
from ..runs.names import check_experiment, check_name, make_run_id
from ..runs.rows import NewRun, RunRow
from .adding import check_params
from .callers import Caller
from .drafts import Draft, check_parts, encode_draft
from .finding import find_readable
from .inputs import add_inputs, are_still_so, check_outputs, resolve_inputs
from .pins import find_pins

COMMAND_CHARS_MAX = 200
"""Of the command in lists, which show it in one line."""
HOST_CHARS_MAX = 255
LOST_AFTER_S_MIN, LOST_AFTER_S_MAX = 5, 7 * 24 * 3600
"""Below five seconds a busy network loses runs; a week is the longest anyone waits."""
ATTEMPTS_MAX = 32
"""Times that inputs are looked up again because their branches moved at that moment."""


@dataclass(frozen=True, slots=True)
class SealedKey:
    """A new access key, as it is kept."""

    access_key_id: str
    sealed_secret: bytes = field(repr=False)


async def begin_run(
    engine: Engine,
    repository: str,
    wish: RunCreation,
    caller: Caller,
    *,
    make_key: Callable[[], SealedKey],
    once: Once | None = None,
) -> RunRow:
    """Begin a run in `repository`, with a key of its own, and return it.

    With `once` a request that came before gives the run that it began.

    Raises:
        PermissionDeniedError, RepositoryNotFoundError, RefNotFoundError,
        ObjectNotFoundError, RunNotFoundError
        InvalidValueError: something of `wish` cannot be kept; `field` names it.
        RunEndedError: the parent is not going on.
    """
    name = await run_once(
        engine,
        once,
        lambda: _begin(engine, repository, wish, caller, make_key, once),
    )
    run = await engine.metadata.find_run(name.decode())
    if run is None:
        raise RunEndedError(name.decode(), "it was deleted")
    return run


async def _begin(
    engine: Engine,
    repository: str,
    wish: RunCreation,
    caller: Caller,
    make_key: Callable[[], SealedKey],
    once: Once | None,
) -> CommitId:
    where = await get_repository(engine, repository)
    now_ms = engine.clock()
    await check_outputs(engine, wish.outputs, caller)
    parent = await _find_parent(engine, wish, caller)
    rerun_of = None
    if wish.rerun_of is not None:
        rerun_of = await find_readable(engine, wish.rerun_of, caller)
    draft = Draft(
        parts=check_parts({part: getattr(wish, part) for part in PARTS}),
        begun_by_run=caller.run is not None,
    ).with_outputs(wish.outputs)
    check_params(wish.params)
    new = NewRun(
        name=make_run_id(),
        repository_id=where.id,
        experiment=check_experiment(wish.experiment),
        user_id=caller.user_id,
        user=caller.name,
        host=_check_host(wish.host),
        command=_show_command(wish),
        parent_id=None if parent is None else parent.id,
        rerun_of_id=None if rerun_of is None else rerun_of.id,
        started_ms=_check_started(wish.started_ms, now_ms),
        heard_ms=now_ms,
        lost_after_s=_check_lost_after(wish.lost_after_s),
        draft=encode_draft(draft),
        # What is done again sees what there was the first time.
        log_sequence=None if rerun_of is None else rerun_of.log_sequence,
    )
    pins = await find_pins(engine, None if rerun_of is None else rerun_of.name)
    key = make_key()
    result = CommitId(new.name.encode())
    for _ in range(ATTEMPTS_MAX):
        inputs = await resolve_inputs(
            engine, wish.inputs, caller, log_sequence=new.log_sequence, pins=pins
        )

        async def action(tx: WriteTransaction) -> None:
            run = await tx.create_run(new)
            if not await are_still_so(tx, inputs, run.log_sequence):  # noqa: B023
                raise _MovedError
            await add_inputs(tx, run.id, inputs)  # noqa: B023
            await tx.set_params(run.id, wish.params)
            await tx.add_run_key(
                run.id, key.access_key_id, key.sealed_secret, now_ms=now_ms
            )
            if once is not None:
                await once.claim(tx, result, now_ms=now_ms)

        try:
            await engine.metadata.write(action)
        except _MovedError:
            continue
        return result
    raise RefMovedError(wish.inputs[0].ref)


class _MovedError(Exception):
    """A branch moved after its commit was looked up: the transaction undoes itself."""


async def _find_parent(
    engine: Engine, wish: RunCreation, caller: Caller
) -> RunRow | None:
    """Return the run that the new one is a part of.

    What the key of a run begins is a part of it, and ends with it.
    """
    if caller.run is None:
        if wish.parent is None:
            return None
        return await find_readable(engine, wish.parent, caller)
    parent = await engine.metadata.find_run_by_id(caller.run.run_id)
    if parent is None or not parent.takes_more:
        raise RunEndedError(caller.run.name, "its key begins no other")
    if wish.parent is not None and not parent.name.startswith(wish.parent):
        raise InvalidValueError(
            "parent", f"what the key of run '{parent.name}' begins is a part of it"
        )
    return parent


def _show_command(wish: RunCreation) -> str:
    argv = wish.code.get("argv")
    if not isinstance(argv, list):
        return ""
    line = shlex.join(str(each) for each in argv)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return " ".join(line.split())[:COMMAND_CHARS_MAX]


def _check_host(host: str) -> str:
    return check_name("host", host)[:HOST_CHARS_MAX] if host else host


def _check_started(started_ms: int | None, now_ms: int) -> int:
    if started_ms is None:
        return now_ms
    if not 0 <= started_ms < 253_402_300_800_000:
        raise InvalidValueError("started_ms", f"start {started_ms} is no time")
    return started_ms


def _check_lost_after(seconds: int) -> int:
    if not LOST_AFTER_S_MIN <= seconds <= LOST_AFTER_S_MAX:
        raise InvalidValueError(
            "lost_after_s",
            f"a run counts as lost after {LOST_AFTER_S_MIN} to {LOST_AFTER_S_MAX} s, "
            f"not {seconds}",
        )
    return seconds

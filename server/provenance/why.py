"""Why something is as it is: the run that produced it.

Of a version of a model that is its run. Of a file it is the run that wrote the same bytes;
where several did, the one whose commit last changed the file at the ref that is asked
about, else the newest that wrote it at that place, else the newest.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import LakeError, RunNotFoundError, SubjectNotFoundError
from ..repository.blame import Item, blame
from ..repository.contracts import Snapshot
from ..repository.engine import Engine
from ..runs.graph import Use
from ..runs.rows import RunRow
from .callers import Caller
from .details import RunDetails, get_details
from .models import VersionView
from .subjects import Found, find_subject

PRODUCERS_MAX = 1000
"""Runs that wrote the same bytes of which one is chosen, the newest ones."""
OTHERS_MAX = 10


@dataclass(frozen=True, slots=True)
class Origin:
    """What produced something."""

    details: RunDetails | None
    """None: the run that made a version is of a repository that the caller may not read."""
    version: VersionView | None = None
    output: Use | None = None
    """What of the run it was asked for."""
    others: tuple[str, ...] = ()
    """Other runs that wrote the same bytes, newest first."""


async def find_origin(engine: Engine, text: str, caller: Caller) -> Origin:
    """Return what produced the subject that `text` names.

    Raises:
        SubjectNotFoundError: no run is known to have produced it.
        and what `find_subject` raises.
    """
    match await find_subject(engine, text, caller):
        case RunRow() as run:
            return Origin(await get_details(engine, run))
        case VersionView() as view:
            made = await engine.metadata.find_run_by_id(view.version.run_id)
            if made is None or not caller.may_read(made.repository):
                return Origin(None, view)
            return Origin(await get_details(engine, made), view)
        case Found() as found:
            return await _find_producer(engine, text, found, caller)


async def _find_producer(
    engine: Engine, text: str, found: Found, caller: Caller
) -> Origin:
    async def action(snapshot: Snapshot) -> list[Use]:
        return await snapshot.find_producers(
            found.artifact.identity, limit=PRODUCERS_MAX
        )

    uses = [
        use
        for use in await engine.metadata.snapshot(action)
        if caller.may_read(use.run.repository)
    ]
    if not uses:
        raise SubjectNotFoundError(text, "no run is known to have produced it")
    chosen = await _choose(engine, found, uses)
    run = await engine.metadata.find_run_by_id(chosen.run.id)
    if run is None:  # deleted since
        raise RunNotFoundError(chosen.run.name)
    others = dict.fromkeys(use.run.name for use in uses if use.run != chosen.run)
    return Origin(
        await get_details(engine, run), None, chosen, tuple(others)[:OTHERS_MAX]
    )


async def _choose(engine: Engine, found: Found, uses: list[Use]) -> Use:
    place = (found.artifact.repository, found.artifact.path)
    here = [
        use for use in uses if (use.artifact.repository, use.artifact.path) == place
    ]
    if len(here) > 1 and found.commit_id and not found.artifact.is_prefix:
        changed_in = await _find_change(engine, found)
        for use in here:
            if use.commit_id == changed_in:
                return use
    return (here or uses)[0]


async def _find_change(engine: Engine, found: Found) -> bytes | None:
    """Return the commit that last changed a file; None: it is not known."""
    item = Item(found.artifact.path, is_prefix=False)
    ref = found.commit_id.hex()
    try:
        page = await blame(engine, found.artifact.repository, ref, only=item, limit=1)
    except LakeError:
        return None
    return page.items[0].commit.id if page.items and page.items[0].is_found else None

"""Handlers of `/branches`, and of the log of what moved a ref."""

from __future__ import annotations

from lakebed.client.wire import (
    BranchCreation,
    BranchReset,
    Page,
    Ref,
    RefLogEntry,
    Undo,
)

from ...errors import InvalidValueError
from ...ids import CommitId
from ...repository import branches, picking
from ...repository.paths import check_path, encode_path
from ...repository.resolving import resolve
from ..answers import (
    CreatedText,
    Nothing,
    Shown,
    answer,
    answer_created_text,
    answer_nothing,
    answer_page,
    answer_results,
)
from ..call import Call, NoBody, NoQuery
from ..parameters import BranchesQuery, ForceQuery, HardResetQuery, RefLogQuery
from ..shapes import show_branch, show_move


async def list_branches(call: Call[BranchesQuery, NoBody]) -> Shown[Page[Ref]]:
    """List branches."""
    page = await branches.list_branches(
        call.engine,
        call.repository,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
        is_shown=call.shown_refs,
        hidden=call.query.show_hidden,
    )
    return answer_page(page, show_branch)


async def create_branch(call: Call[NoQuery, BranchCreation]) -> CreatedText:
    """Create a branch; answers with the bare id of its commit.

    Raises:
        RefExistsError
    """
    body = call.body

    async def start() -> CommitId:
        made = await branches.create_branch(
            call.engine,
            call.repository,
            body.name,
            body.source,
            hidden=body.hidden,
            force=call.may_force(body.force),
            actor=call.actor,
            once=call.once,
        )
        return made.head

    head = await call.run_once(start)
    return answer_created_text(head.hex())


async def get_branch(call: Call[NoQuery, NoBody]) -> Shown[Ref]:
    """Get a branch."""
    name, written = call.names["branch"], call.written("branch")
    if name != written:  # as a run sees it
        seen = await resolve(call.engine, call.repository, name)
        return answer(Ref(id=written, commit_id=seen.commit.id.hex()))
    branch = await branches.get_branch(call.engine, call.repository, name)
    return answer(show_branch(branch))


async def delete_branch(call: Call[ForceQuery, NoBody]) -> Nothing:
    """Delete a branch with its uncommitted changes.

    Raises:
        DeleteDefaultBranchError
    """
    await branches.delete_branch(
        call.engine,
        call.repository,
        call.names["branch"],
        actor=call.actor,
        force=call.may_force(call.query.force),
    )
    return answer_nothing()


async def reset_branch(call: Call[NoQuery, BranchReset]) -> Nothing:
    """Throw away uncommitted changes: of a path, below a prefix, or all of them."""
    body = call.body
    path = prefix = None
    if body.type == "reset":
        if body.path:  # who names a path does not mean everything
            raise InvalidValueError("path", "reset of type 'reset' takes no path")
    else:
        if body.path is None:
            raise InvalidValueError("path", f"reset of type '{body.type}' needs a path")
        if body.type == "object":
            path = check_path(body.path)
        else:
            prefix = encode_path(body.path)
    await branches.reset_branch(
        call.engine,
        call.repository,
        call.names["branch"],
        path=path,
        prefix=prefix,
        force=call.may_force(body.force),
    )
    return answer_nothing()


async def hard_reset_branch(call: Call[HardResetQuery, NoBody]) -> Nothing:
    """Move a branch to another commit.

    Raises:
        DirtyBranchError
    """
    await picking.hard_reset(
        call.engine,
        call.repository,
        call.names["branch"],
        call.query.ref,
        actor=call.actor,
        force=call.may_force(call.query.force),
    )
    return answer_nothing()


async def list_ref_moves(call: Call[RefLogQuery, NoBody]) -> Shown[Page[RefLogEntry]]:
    """List the moves of a branch or tag, newest first."""
    limit = call.query.limit
    moves = await branches.list_ref_log(
        call.engine,
        call.repository,
        call.names["name"],
        before=int(call.query.after) if call.query.after else None,
        limit=limit,
    )
    # A full page may be the last one; then the next one is empty and says so.
    next_offset = str(moves[-1].sequence) if len(moves) == limit else None
    return answer_results((show_move(move) for move in moves), next_offset)


async def undo_ref_move(call: Call[NoQuery, Undo]) -> Shown[RefLogEntry]:
    """Put a branch back to where it was before its last move, or before a named one.

    Answers with the move that this makes, or with `dry_run` would make.
    """
    name = call.names["name"]
    if call.body.dry_run:
        before_id: CommitId | None = None
        if call.body.sequence is not None:
            before = await _find_state_before(call, name, call.body.sequence)
            before_id = CommitId(bytes.fromhex(before))
        planned = await branches.preview_undo(
            call.engine, call.repository, name, actor=call.actor, to=before_id
        )
        return answer(show_move(planned))
    if call.body.sequence is None:
        await branches.undo(call.engine, call.repository, name, actor=call.actor)
    else:
        before = await _find_state_before(call, name, call.body.sequence)
        await picking.hard_reset(
            call.engine, call.repository, name, before, actor=call.actor
        )
    (move,) = await branches.list_ref_log(call.engine, call.repository, name, limit=1)
    return answer(show_move(move))


async def _find_state_before(
    call: Call[NoQuery, Undo], name: str, sequence: int
) -> str:
    """Return the commit that the branch `name` was at before the move `sequence`."""
    moves = await branches.list_ref_log(
        call.engine, call.repository, name, before=sequence + 1, limit=1
    )
    if not moves or moves[0].sequence != sequence or moves[0].old is None:
        raise InvalidValueError(
            "sequence", f"branch '{name}' has no state before a move {sequence}"
        )
    return moves[0].old.hex()

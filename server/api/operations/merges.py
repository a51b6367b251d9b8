"""Handlers of differences and merges."""

from __future__ import annotations

from lakebed.client import wire
from lakebed.client.wire import (
    Conflict,
    Diff,
    Merge,
    MergeBase,
    MergeResult,
    Page,
    routes,
)

from ...errors import MergeConflictError, RefNotFoundError
from ...ids import CommitId
from ...repository import diffs, merges
from ...repository.combining import Strategy
from ...repository.diffs import DiffPage, DiffScope
from ...repository.paths import check_path, encode_path
from ...repository.resolving import resolve, resolve_in
from ...tree.merge import Resolution
from ..answers import Shown, answer, answer_results
from ..call import Call, NoBody, NoQuery
from ..parameters import DiffQuery, ListingQuery, PageQuery, UncommittedQuery
from ..shapes import show_conflict, show_difference

_STRATEGIES: dict[str, Strategy] = {
    "source-wins": "source",
    "dest-wins": "destination",
}
_RESOLUTIONS: dict[wire.Resolution, Resolution] = {
    "source": Resolution.THEIRS,
    "destination": Resolution.OURS,
    "base": Resolution.BASE,
    "delete": Resolution.DELETE,
}


async def diff_refs(call: Call[DiffQuery, NoBody]) -> Shown[Page[Diff]]:
    """List what differs between two refs, or between their merge base and the right."""
    query = call.query
    page = await diffs.diff_refs(
        call.engine,
        call.repository,
        call.names["left"],
        call.names["right"],
        _read_scope(query),
        three_dot=query.type == "three_dot",
    )
    return _answer_diff(
        page,
        with_right=query.include_right_stats,
        with_left_size=query.include_left_size,
    )


async def diff_branch(call: Call[UncommittedQuery, NoBody]) -> Shown[Page[Diff]]:
    """List the uncommitted changes of a branch."""
    page = await diffs.diff_staged(
        call.engine, call.repository, call.names["branch"], _read_scope(call.query)
    )
    return _answer_diff(
        page, with_right=False, with_left_size=call.query.include_left_size
    )


def _read_scope(query: ListingQuery) -> DiffScope:
    return DiffScope(
        limit=query.limit,
        prefix=encode_path(query.prefix),
        after=encode_path(query.after),
        delimiter=query.delimiter.encode(),
    )


def _answer_diff(
    page: DiffPage, *, with_right: bool, with_left_size: bool
) -> Shown[Page[Diff]]:
    next_after = page.next_after
    return answer_results(
        (
            show_difference(item, with_right=with_right, with_left_size=with_left_size)
            for item in page.items
        ),
        next_after.decode() if next_after is not None else None,
    )


async def merge_into_branch(call: Call[NoQuery, Merge]) -> Shown[MergeResult]:
    """Merge a ref into a branch.

    Raises:
        MergeConflictError
        NothingToCommitError
        DirtyBranchError
        SameRefError
    """
    body = call.body

    async def join() -> CommitId:
        made = await merges.merge(
            call.engine,
            call.repository,
            call.names["source"],
            call.names["destination"],
            message=body.message or "",
            metadata=body.metadata,
            strategy=_STRATEGIES.get(body.strategy or ""),
            resolutions={
                check_path(path): _RESOLUTIONS[resolution]
                for path, resolution in (body.resolutions or {}).items()
            },
            # What clients of lakeFS force is also a merge that changes nothing.
            allow_empty=body.allow_empty or body.force,
            force=call.may_force(body.force),
            squash=body.squash_merge,
            actor=call.actor,
            once=call.once,
        )
        return made.id

    try:
        commit_id = await call.run_once(join)
    except MergeConflictError as error:
        raise _say_where_the_rest_is(call, error) from None
    return answer(MergeResult(reference=commit_id.hex()))


def _say_where_the_rest_is(
    call: Call[NoQuery, Merge], error: MergeConflictError
) -> MergeConflictError:
    """Return `error` with the way to the conflicts that do not fit into its answer."""
    if error.count <= len(error.conflicts):
        return error
    where = routes.fill(routes.MERGE_CONFLICTS, **call.names)
    return MergeConflictError(
        f"{error}; GET {where} lists all of them", error.conflicts, error.count
    )


async def list_merge_conflicts(
    call: Call[PageQuery, NoBody],
) -> Shown[Page[Conflict]]:
    """List the paths that both sides of a merge changed differently; nothing is merged.

    All of them: what resolutions and a strategy would decide too.
    """
    query = call.query
    page = await merges.list_conflicts(
        call.engine,
        call.repository,
        call.names["source"],
        call.names["destination"],
        prefix=encode_path(query.prefix),
        after=encode_path(query.after),
        limit=query.limit,
    )
    next_after = page.next_after
    return answer_results(
        map(show_conflict, page.items),
        next_after.decode() if next_after is not None else None,
    )


async def find_merge_base(call: Call[NoQuery, NoBody]) -> Shown[MergeBase]:
    """Get the best common ancestor of two refs."""
    source, destination = call.names["source"], call.names["destination"]
    theirs = await resolve(call.engine, call.repository, source)
    ours = await resolve_in(call.engine, theirs.repository, destination)
    base = await merges.find_merge_base(
        call.engine, call.repository, theirs.commit.id.hex(), ours.commit.id.hex()
    )
    if base is None:
        raise RefNotFoundError(
            call.repository, f"{source}...{destination}", what="merge base"
        )
    return answer(
        MergeBase(
            source_commit_id=theirs.commit.id.hex(),
            destination_commit_id=ours.commit.id.hex(),
            base_commit_id=base.id.hex(),
        )
    )

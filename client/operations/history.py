"""Commits, and what is done with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from ..transport import Call
from ..wire import (
    Blame,
    Body,
    CherryPick,
    Commit,
    CommitCreation,
    CommitOverrides,
    Conflict,
    Diff,
    DiffMode,
    Merge,
    MergeBase,
    MergeResult,
    MergeStrategy,
    Page,
    PathType,
    Resolution,
    Revert,
    routes,
)
from .paging import Operations, flag, new_key


class HistoryOperations(Operations):
    """Commit, look back, compare, merge, take back."""

    async def commit(
        self,
        repository: str,
        branch: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        date: datetime | None = None,
        allow_empty: bool = False,
    ) -> Commit:
        """Make a commit of the uncommitted changes of `branch`.

        Raises:
            NothingToCommitError: there are none, and `allow_empty` is not set.
        """
        body = CommitCreation(
            message=message,
            metadata=dict(metadata) if metadata is not None else None,
            date=int(date.timestamp()) if date is not None else None,
            allow_empty=allow_empty,
        )
        path = routes.fill(routes.BRANCH_COMMITS, repository=repository, branch=branch)
        what = f"commit on '{repository}/{branch}'"
        return await self._transport.fetch(_once(what, path, body), Commit)

    async def get_commit(self, repository: str, ref: str) -> Commit:
        """Return the commit that `ref`, any ref expression, resolves to.

        Raises:
            NotFoundError: it resolves to none.
        """
        path = routes.fill(routes.COMMIT, repository=repository, commit=ref)
        what = f"read commit '{ref}' of '{repository}'"
        return await self._transport.fetch(
            Call(what, "GET", path, repeatable=True), Commit
        )

    def iter_log(
        self,
        repository: str,
        ref: str,
        *,
        paths: Sequence[str] = (),
        prefixes: Sequence[str] = (),
        first_parent: bool = False,
        since: datetime | None = None,
        stop_at: str | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[Commit]:
        """Yield the commits that led to `ref`, newest first.

        With `paths` or `prefixes` only those that changed one of them.
        """
        query = [("objects", path) for path in paths]
        query += [("prefixes", prefix) for prefix in prefixes]
        if first_parent:
            query.append(("first_parent", flag(first_parent)))
        if since is not None:
            query.append(("since", since.isoformat()))
        if stop_at is not None:
            query.append(("stop_at", stop_at))
        call = Call(
            f"read the log of '{repository}/{ref}'",
            "GET",
            routes.fill(routes.REF_COMMITS, repository=repository, ref=ref),
            query=tuple(query),
            repeatable=True,
        )
        return self._iter_pages(call, Page[Commit], limit=limit)

    def iter_blame(
        self,
        repository: str,
        ref: str,
        *,
        path: str = "",
        path_type: PathType = "object",
        prefix: str = "",
        delimiter: str = "",
        limit: int | None = None,
    ) -> AsyncIterator[Blame]:
        """Yield what is committed at `ref`, each with the commit that last changed it.

        In path order; `path` names one object, or with that `path_type` one prefix;
        otherwise all below `prefix`, rolled up at `delimiter`. Where `is_found` is false, the server gave up at the commit: ask
        again with that one as the ref.
        """
        query = (
            ("path", path),
            ("path_type", path_type if path else ""),
            ("prefix", prefix),
            ("delimiter", delimiter),
        )
        call = Call(
            f"find what changed '{path or prefix}' last at '{repository}/{ref}'",
            "GET",
            routes.fill(routes.REF_BLAME, repository=repository, ref=ref),
            query=tuple(pair for pair in query if pair[1]),
            repeatable=True,
        )
        return self._iter_pages(call, Page[Blame], limit=limit)

    def iter_diff(
        self,
        repository: str,
        left: str,
        right: str,
        *,
        mode: DiffMode = "two_dot",
        prefix: str = "",
        delimiter: str = "",
        with_left_size: bool = False,
        limit: int | None = None,
    ) -> AsyncIterator[Diff]:
        """Yield what is different at `right`, seen from `left`, in path order.

        `with_left_size` asks how large each object was before.
        """
        query = (
            ("type", mode),
            ("prefix", prefix),
            ("delimiter", delimiter),
            ("include_left_size", flag(True) if with_left_size else ""),
        )
        call = Call(
            f"compare '{left}' with '{right}' in '{repository}'",
            "GET",
            routes.fill(routes.REF_DIFF, repository=repository, left=left, right=right),
            query=tuple(pair for pair in query if pair[1]),
            repeatable=True,
        )
        return self._iter_pages(call, Page[Diff], limit=limit)

    def iter_uncommitted(
        self,
        repository: str,
        branch: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        with_left_size: bool = False,
        limit: int | None = None,
    ) -> AsyncIterator[Diff]:
        """Yield what a commit of `branch` would change, in path order.

        `with_left_size` asks how large each object is at the head.
        """
        query = (
            ("prefix", prefix),
            ("delimiter", delimiter),
            ("include_left_size", flag(True) if with_left_size else ""),
        )
        call = Call(
            f"list uncommitted changes of '{repository}/{branch}'",
            "GET",
            routes.fill(routes.BRANCH_DIFF, repository=repository, branch=branch),
            query=tuple(pair for pair in query if pair[1]),
            repeatable=True,
        )
        return self._iter_pages(call, Page[Diff], limit=limit)

    async def merge(
        self,
        repository: str,
        source: str,
        destination: str,
        *,
        message: str | None = None,
        metadata: Mapping[str, str] | None = None,
        strategy: MergeStrategy | None = None,
        resolutions: Mapping[str, Resolution] | None = None,
        squash: bool = False,
        allow_empty: bool = False,
    ) -> str:
        """Merge `source` into the branch `destination`; return its new commit id.

        `resolutions` say what single conflicting paths shall be, `strategy` the rest.

        Raises:
            MergeConflictError: both changed a path; `conflicts` lists what is open.
            NothingToCommitError: there is nothing to merge.
        """
        body = Merge(
            message=message,
            metadata=dict(metadata) if metadata is not None else None,
            strategy=strategy,
            resolutions=dict(resolutions) if resolutions is not None else None,
            squash_merge=squash,
            allow_empty=allow_empty,
        )
        path = routes.fill(
            routes.REF_MERGE,
            repository=repository,
            source=source,
            destination=destination,
        )
        what = f"merge '{source}' into '{destination}' in '{repository}'"
        result = await self._transport.fetch(_once(what, path, body), MergeResult)
        return result.reference

    def iter_conflicts(
        self,
        repository: str,
        source: str,
        destination: str,
        *,
        prefix: str = "",
        limit: int | None = None,
    ) -> AsyncIterator[Conflict]:
        """Yield every path that a merge of `source` into `destination` conflicts at.

        In path order, however many; nothing is merged.
        """
        call = Call(
            f"list conflicts of '{source}' with '{destination}' in '{repository}'",
            "GET",
            routes.fill(
                routes.MERGE_CONFLICTS,
                repository=repository,
                source=source,
                destination=destination,
            ),
            query=(("prefix", prefix),) if prefix else (),
            repeatable=True,
        )
        return self._iter_pages(call, Page[Conflict], limit=limit)

    async def find_merge_base(
        self, repository: str, source: str, destination: str
    ) -> MergeBase:
        """Return where `source` and `destination` parted."""
        path = routes.fill(
            routes.REF_MERGE,
            repository=repository,
            source=source,
            destination=destination,
        )
        what = f"find where '{source}' and '{destination}' parted in '{repository}'"
        return await self._transport.fetch(
            Call(what, "GET", path, repeatable=True), MergeBase
        )

    async def revert(
        self,
        repository: str,
        branch: str,
        ref: str,
        *,
        parent_number: int = 0,
        message: str | None = None,
        allow_empty: bool = False,
    ) -> None:
        """Take back on `branch`, with a new commit, what the commit of `ref` changed.

        Args:
            parent_number: of a merge, the parent, from 1, whose line to keep.

        Raises:
            ConflictError: a merge without `parent_number`, or what it changed has
                been changed since.
        """
        body = Revert(
            ref=ref,
            parent_number=parent_number,
            commit_overrides=_overrides(message),
            allow_empty=allow_empty,
        )
        path = routes.fill(routes.BRANCH_REVERT, repository=repository, branch=branch)
        what = f"revert '{ref}' on '{repository}/{branch}'"
        await self._transport.run(_once(what, path, body))

    async def cherry_pick(
        self,
        repository: str,
        branch: str,
        ref: str,
        *,
        parent_number: int | None = None,
        message: str | None = None,
    ) -> Commit:
        """Make on `branch` what the commit of `ref` changed, as a new commit.

        Args:
            parent_number: of a merge, the parent, from 1, to measure the change from.

        Raises:
            ConflictError: a merge without `parent_number`, or both changed a path.
        """
        body = CherryPick(
            ref=ref, parent_number=parent_number, commit_overrides=_overrides(message)
        )
        path = routes.fill(
            routes.BRANCH_CHERRY_PICK, repository=repository, branch=branch
        )
        what = f"cherry-pick '{ref}' on '{repository}/{branch}'"
        return await self._transport.fetch(_once(what, path, body), Commit)


def _once(what: str, path: str, body: Body) -> Call:
    """Return a call that makes a commit, and makes one only, however often it is sent."""
    return Call(what, "POST", path, headers=new_key(), body=body, repeatable=True)


def _overrides(message: str | None) -> CommitOverrides | None:
    return CommitOverrides(message=message) if message is not None else None

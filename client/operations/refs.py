"""Branches, tags, and the log of their moves."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..transport import Call
from ..wire import (
    BranchCreation,
    BranchReset,
    Page,
    Ref,
    RefLogEntry,
    TagCreation,
    Undo,
    routes,
)
from .paging import Operations, flag, new_key


class RefOperations(Operations):
    """Make, move, find and delete refs."""

    async def create_branch(
        self, repository: str, name: str, *, source: str, hidden: bool = False
    ) -> Ref:
        """Create the branch `name` at the commit of `source`, any ref expression.

        Raises:
            ConflictError: a branch or tag has that name.
            NotFoundError: there is no `repository` or no `source`.
        """
        call = Call(
            f"create branch '{name}' in '{repository}'",
            "POST",
            routes.fill(routes.BRANCHES, repository=repository),
            body=BranchCreation(name=name, source=source, hidden=hidden),
            headers=new_key(),
            repeatable=True,
        )
        # The one answer that is bare text: lakeFS's clients expect it so.
        commit_id = await self._transport.fetch_text(call)
        return Ref(id=name, commit_id=commit_id.strip('"'))

    async def get_branch(self, repository: str, name: str) -> Ref:
        """Return the branch `name`.

        Raises:
            NotFoundError: there is none.
        """
        path = routes.fill(routes.BRANCH, repository=repository, branch=name)
        what = f"read branch '{name}' of '{repository}'"
        return await self._transport.fetch(
            Call(what, "GET", path, repeatable=True), Ref
        )

    def iter_branches(
        self,
        repository: str,
        *,
        prefix: str = "",
        after: str = "",
        limit: int | None = None,
        hidden: bool = False,
    ) -> AsyncIterator[Ref]:
        """Yield the branches whose names begin with `prefix`, by name."""
        query = (("prefix", prefix),) if prefix else ()
        call = Call(
            f"list branches of '{repository}'",
            "GET",
            routes.fill(routes.BRANCHES, repository=repository),
            query=(*query, ("show_hidden", flag(hidden))) if hidden else query,
            repeatable=True,
        )
        return self._iter_pages(call, Page[Ref], after=after, limit=limit)

    async def delete_branch(self, repository: str, name: str) -> None:
        """Delete the branch `name`, and what is not committed on it.

        Raises:
            NotFoundError: there is none.
            PermissionDeniedError: it is the default branch, or protected.
        """
        path = routes.fill(routes.BRANCH, repository=repository, branch=name)
        what = f"delete branch '{name}' of '{repository}'"
        await self._transport.delete(Call(what, "DELETE", path, repeatable=True))

    async def reset_branch(
        self,
        repository: str,
        branch: str,
        *,
        path: str | None = None,
        prefix: str | None = None,
    ) -> None:
        """Throw away what is not committed: at `path`, below `prefix`, or all of it."""
        if path is not None and prefix is not None:
            raise ValueError("give a path or a prefix to reset, not both")
        if path is not None:
            body = BranchReset(type="object", path=path)
        elif prefix is not None:
            body = BranchReset(type="common_prefix", path=prefix)
        else:
            body = BranchReset(type="reset")
        call = Call(
            f"reset branch '{branch}' of '{repository}'",
            "PUT",
            routes.fill(routes.BRANCH, repository=repository, branch=branch),
            body=body,
        )
        await self._transport.run(call)

    async def hard_reset(self, repository: str, branch: str, ref: str) -> None:
        """Point `branch` at the commit of `ref`, wherever it was.

        Raises:
            InvalidRequestError: the branch has uncommitted changes.
        """
        call = Call(
            f"move branch '{branch}' of '{repository}' to '{ref}'",
            "PUT",
            routes.fill(routes.BRANCH_HARD_RESET, repository=repository, branch=branch),
            query=(("ref", ref),),
        )
        await self._transport.run(call)

    async def create_tag(self, repository: str, name: str, *, ref: str) -> Ref:
        """Create the tag `name` at the commit of `ref`, any ref expression.

        Raises:
            ConflictError: a branch or tag has that name.
            NotFoundError: there is no `repository` or no `ref`.
        """
        call = Call(
            f"create tag '{name}' in '{repository}'",
            "POST",
            routes.fill(routes.TAGS, repository=repository),
            body=TagCreation(id=name, ref=ref),
            headers=new_key(),
            repeatable=True,
        )
        return await self._transport.fetch(call, Ref)

    async def get_tag(self, repository: str, name: str) -> Ref:
        """Return the tag `name`.

        Raises:
            NotFoundError: there is none.
        """
        path = routes.fill(routes.TAG, repository=repository, tag=name)
        what = f"read tag '{name}' of '{repository}'"
        return await self._transport.fetch(
            Call(what, "GET", path, repeatable=True), Ref
        )

    def iter_tags(
        self,
        repository: str,
        *,
        prefix: str = "",
        after: str = "",
        limit: int | None = None,
    ) -> AsyncIterator[Ref]:
        """Yield the tags whose names begin with `prefix`, by name."""
        call = Call(
            f"list tags of '{repository}'",
            "GET",
            routes.fill(routes.TAGS, repository=repository),
            query=(("prefix", prefix),) if prefix else (),
            repeatable=True,
        )
        return self._iter_pages(call, Page[Ref], after=after, limit=limit)

    async def delete_tag(self, repository: str, name: str) -> None:
        """Delete the tag `name`; its commit stays.

        Raises:
            NotFoundError: there is none.
        """
        path = routes.fill(routes.TAG, repository=repository, tag=name)
        what = f"delete tag '{name}' of '{repository}'"
        await self._transport.delete(Call(what, "DELETE", path, repeatable=True))

    def iter_ref_log(
        self, repository: str, name: str, *, limit: int | None = None
    ) -> AsyncIterator[RefLogEntry]:
        """Yield the moves of the ref `name`, newest first; a deleted ref has them too."""
        call = Call(
            f"read the ref log of '{name}' in '{repository}'",
            "GET",
            routes.fill(routes.REF_LOG, repository=repository, name=name),
            repeatable=True,
        )
        return self._iter_pages(call, Page[RefLogEntry], limit=limit)

    async def undo(
        self,
        repository: str,
        name: str,
        *,
        sequence: int | None = None,
        dry_run: bool = False,
    ) -> RefLogEntry:
        """Put the branch `name` back where it was before its newest move.

        Undoing again goes further back; a deleted branch is there again. With
        `sequence`, it goes back to before that move. Returns the move that this made;
        with `dry_run` the one that it would have made, with the number 0.

        Raises:
            InvalidRequestError: nothing is left to undo, or there are uncommitted
                changes.
        """
        call = Call(
            f"undo the last move of '{name}' in '{repository}'",
            "POST",
            routes.fill(routes.REF_UNDO, repository=repository, name=name),
            body=Undo(sequence=sequence, dry_run=dry_run),
        )
        return await self._transport.fetch(call, RefLogEntry)

"""A repository by name: its branches and tags, and what is at them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from .. import tables, wire
from ..errors import ConflictError, NotFoundError
from ..values import Commit, Measured, Rows
from .branch import AsyncBranch
from .listing import AsyncListing
from .ref import AsyncRef, AsyncTag

if TYPE_CHECKING:
    from .lake import AsyncLake


class AsyncRepository:
    """A repository of a lake, whether or not there is one of that name."""

    def __init__(self, lake: AsyncLake, name: str) -> None:
        self.lake = lake
        self.name = name

    async def exists(self) -> bool:
        """Return whether there is a repository of that name."""
        try:
            await self.describe()
        except NotFoundError:
            return False
        return True

    async def describe(self) -> wire.Repository:
        """Return what the server says of it.

        Raises:
            NotFoundError: there is none of that name.
        """
        return await self.lake.client.get_repository(self.name)

    async def default_branch(self) -> AsyncBranch:
        """Return its default branch.

        Raises:
            NotFoundError: there is no such repository.
        """
        return self.branch((await self.describe()).default_branch)

    def branch(self, name: str) -> AsyncBranch:
        """Return the branch `name`, to read and write; asks nobody."""
        return AsyncBranch(self, name)

    def tag(self, name: str) -> AsyncTag:
        """Return the tag `name`, to read; asks nobody."""
        return AsyncTag(self, name)

    def ref(self, expression: str) -> AsyncRef:
        """Return what a ref expression (`main~2`, a commit id) means; asks nobody."""
        return AsyncRef(self, expression)

    def branches(
        self, prefix: str = "", *, hidden: bool = False, limit: int | None = None
    ) -> AsyncListing[AsyncBranch]:
        """List the branches whose names begin with `prefix`, by name."""

        def ask(most: int | None) -> AsyncIterator[wire.Ref]:
            return self.lake.client.iter_branches(
                self.name, prefix=prefix, hidden=hidden, limit=most
            )

        title = f"branches of {self.name}"
        return AsyncListing(
            title, ask, lambda found: self.branch(found.id), limit=limit
        )

    def tags(
        self, prefix: str = "", *, limit: int | None = None
    ) -> AsyncListing[AsyncTag]:
        """List the tags whose names begin with `prefix`, by name."""

        def ask(most: int | None) -> AsyncIterator[wire.Ref]:
            return self.lake.client.iter_tags(self.name, prefix=prefix, limit=most)

        title = f"tags of {self.name}"
        return AsyncListing(title, ask, lambda found: self.tag(found.id), limit=limit)

    def log(
        self,
        *,
        first_parent: bool = False,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> AsyncListing[Commit]:
        """List the commits of the default branch, newest first."""

        async def ask(most: int | None) -> AsyncIterator[wire.Commit]:
            branch = await self.default_branch()
            rows = self.lake.client.iter_log(
                self.name,
                branch.name,
                first_parent=first_parent,
                since=since,
                limit=most,
            )
            async for row in rows:
                yield row

        return AsyncListing(f"log of {self.name}", ask, Commit.of, limit=limit)

    async def measure(
        self, places: Iterable[tuple[AsyncRef | str, str]]
    ) -> Rows[Measured]:
        """Return how much lies below many prefixes, each at a ref of its own, at once.

        What cannot be said of one, since its ref is not there or not yours to read, is an
        error in its place.

        Args:
            places: pairs of a ref and a prefix; the rows have their order.

        Raises:
            NotFoundError: there is no such repository.
        """
        rows = await self.lake.client.measure_many(
            self.name, [(str(ref), prefix) for ref, prefix in places]
        )
        return Rows(map(Measured.of, rows), f"sizes in {self.name}")

    async def create_branch(
        self,
        name: str,
        *,
        source: AsyncRef | str | None = None,
        hidden: bool = False,
        exist_ok: bool = False,
    ) -> AsyncBranch:
        """Create the branch `name` at the commit of `source`, and return it.

        Args:
            source: None is the default branch.
            exist_ok: a branch of that name, wherever it is, is fine too.

        Raises:
            ConflictError: a branch or tag has that name.
            NotFoundError: there is no such repository or source.
        """
        if source is None:
            source = await self.default_branch()
        try:
            await self.lake.client.create_branch(
                self.name, name, source=str(source), hidden=hidden
            )
        except ConflictError:
            if not exist_ok or not await self.branch(name).exists():
                raise
        return self.branch(name)

    async def create_tag(
        self, name: str, ref: AsyncRef | str, *, exist_ok: bool = False
    ) -> AsyncTag:
        """Create the tag `name` at the commit of `ref`, and return it.

        Args:
            exist_ok: a tag of that name at the same commit is fine too.

        Raises:
            ConflictError: a branch or tag has that name.
            NotFoundError: there is no such repository or ref.
        """
        tag = self.tag(name)
        try:
            await self.lake.client.create_tag(self.name, name, ref=str(ref))
        except ConflictError:
            if not exist_ok:
                raise
            there = await tag.commit_id()
            if there != await AsyncRef(self, str(ref)).commit_id():
                raise
        return tag

    async def delete_branch(self, name: str) -> None:
        """Delete the branch `name`, and what is not committed on it.

        Raises:
            NotFoundError: there is none.
            PermissionDeniedError: it is the default branch, or protected.
        """
        await self.lake.client.delete_branch(self.name, name)

    async def delete_tag(self, name: str) -> None:
        """Delete the tag `name`; its commit stays.

        Raises:
            NotFoundError: there is none.
        """
        await self.lake.client.delete_tag(self.name, name)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.lake, self.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AsyncRepository):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def _identity(self) -> tuple[str, str]:
        return self.lake.server, self.name

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<repository '{self.name}' of {self.lake.server}>"

    def _repr_html_(self) -> str:
        return tables.facts(
            f"repository {self.name}",
            [("server", self.lake.server), ("address", f"lakebed://{self.name}/")],
        )

# Made from client/handles/repository.py by `python3 tasks.py blocking`: change that one.
"""A repository by name: its branches and tags, and what is at them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from ... import tables, wire
from ...errors import ConflictError, NotFoundError
from ...values import Commit, Measured, Rows
from .branch import Branch
from .listing import Listing
from .ref import Ref, Tag

if TYPE_CHECKING:
    from .lake import Lake


class Repository:
    """A repository of a lake, whether or not there is one of that name."""

    def __init__(self, lake: Lake, name: str) -> None:
        self.lake = lake
        self.name = name

    def exists(self) -> bool:
        """Return whether there is a repository of that name."""
        try:
            self.describe()
        except NotFoundError:
            return False
        return True

    def describe(self) -> wire.Repository:
        """Return what the server says of it.

        Raises:
            NotFoundError: there is none of that name.
        """
        return self.lake.client.get_repository(self.name)

    def default_branch(self) -> Branch:
        """Return its default branch.

        Raises:
            NotFoundError: there is no such repository.
        """
        return self.branch((self.describe()).default_branch)

    def branch(self, name: str) -> Branch:
        """Return the branch `name`, to read and write; asks nobody."""
        return Branch(self, name)

    def tag(self, name: str) -> Tag:
        """Return the tag `name`, to read; asks nobody."""
        return Tag(self, name)

    def ref(self, expression: str) -> Ref:
        """Return what a ref expression (`main~2`, a commit id) means; asks nobody."""
        return Ref(self, expression)

    def branches(
        self, prefix: str = "", *, hidden: bool = False, limit: int | None = None
    ) -> Listing[Branch]:
        """List the branches whose names begin with `prefix`, by name."""

        def ask(most: int | None) -> Iterator[wire.Ref]:
            return self.lake.client.iter_branches(
                self.name, prefix=prefix, hidden=hidden, limit=most
            )

        title = f"branches of {self.name}"
        return Listing(title, ask, lambda found: self.branch(found.id), limit=limit)

    def tags(self, prefix: str = "", *, limit: int | None = None) -> Listing[Tag]:
        """List the tags whose names begin with `prefix`, by name."""

        def ask(most: int | None) -> Iterator[wire.Ref]:
            return self.lake.client.iter_tags(self.name, prefix=prefix, limit=most)

        title = f"tags of {self.name}"
        return Listing(title, ask, lambda found: self.tag(found.id), limit=limit)

    def log(
        self,
        *,
        first_parent: bool = False,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> Listing[Commit]:
        """List the commits of the default branch, newest first."""

        def ask(most: int | None) -> Iterator[wire.Commit]:
            branch = self.default_branch()
            rows = self.lake.client.iter_log(
                self.name,
                branch.name,
                first_parent=first_parent,
                since=since,
                limit=most,
            )
            for row in rows:
                yield row

        return Listing(f"log of {self.name}", ask, Commit.of, limit=limit)

    def measure(self, places: Iterable[tuple[Ref | str, str]]) -> Rows[Measured]:
        """Return how much lies below many prefixes, each at a ref of its own, at once.

        What cannot be said of one, since its ref is not there or not yours to read, is an
        error in its place.

        Args:
            places: pairs of a ref and a prefix; the rows have their order.

        Raises:
            NotFoundError: there is no such repository.
        """
        rows = self.lake.client.measure_many(
            self.name, [(str(ref), prefix) for ref, prefix in places]
        )
        return Rows(map(Measured.of, rows), f"sizes in {self.name}")

    def create_branch(
        self,
        name: str,
        *,
        source: Ref | str | None = None,
        hidden: bool = False,
        exist_ok: bool = False,
    ) -> Branch:
        """Create the branch `name` at the commit of `source`, and return it.

        Args:
            source: None is the default branch.
            exist_ok: a branch of that name, wherever it is, is fine too.

        Raises:
            ConflictError: a branch or tag has that name.
            NotFoundError: there is no such repository or source.
        """
        if source is None:
            source = self.default_branch()
        try:
            self.lake.client.create_branch(
                self.name, name, source=str(source), hidden=hidden
            )
        except ConflictError:
            if not exist_ok or not self.branch(name).exists():
                raise
        return self.branch(name)

    def create_tag(self, name: str, ref: Ref | str, *, exist_ok: bool = False) -> Tag:
        """Create the tag `name` at the commit of `ref`, and return it.

        Args:
            exist_ok: a tag of that name at the same commit is fine too.

        Raises:
            ConflictError: a branch or tag has that name.
            NotFoundError: there is no such repository or ref.
        """
        tag = self.tag(name)
        try:
            self.lake.client.create_tag(self.name, name, ref=str(ref))
        except ConflictError:
            if not exist_ok:
                raise
            there = tag.commit_id()
            if there != Ref(self, str(ref)).commit_id():
                raise
        return tag

    def delete_branch(self, name: str) -> None:
        """Delete the branch `name`, and what is not committed on it.

        Raises:
            NotFoundError: there is none.
            PermissionDeniedError: it is the default branch, or protected.
        """
        self.lake.client.delete_branch(self.name, name)

    def delete_tag(self, name: str) -> None:
        """Delete the tag `name`; its commit stays.

        Raises:
            NotFoundError: there is none.
        """
        self.lake.client.delete_tag(self.name, name)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.lake, self.name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Repository):
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

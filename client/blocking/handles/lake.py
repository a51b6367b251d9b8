# Made from client/handles/lake.py by `python3 tasks.py blocking`: change that one.
"""A lake: all the repositories of one server, and where every handle begins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

from ... import tables, wire
from ...errors import ConflictError
from ...wire.models import Model as ModelBody
from ..client import Client
from .listing import Listing
from .model import Model
from .repository import Repository


def revive_lake(server: str) -> Lake:
    """Return the lake of a handle that comes out of a pickle."""
    from ...connecting import revive_lake as revive

    return revive(server)


class Lake:
    """The repositories of one server; made by `connect`.

    `client` is the flat client behind it, with every operation there is.
    """

    def __init__(self, client: Client) -> None:
        self.client = client
        self.server = client.server

    def repository(self, name: str) -> Repository:
        """Return the repository `name`; asks nobody."""
        return Repository(self, name)

    def repositories(
        self, prefix: str = "", *, limit: int | None = None
    ) -> Listing[Repository]:
        """List the repositories whose names begin with `prefix`, by name."""

        def ask(most: int | None) -> Iterator[wire.Repository]:
            return self.client.iter_repositories(prefix=prefix, limit=most)

        title = f"repositories of {self.server}"
        return Listing(title, ask, lambda found: self.repository(found.id), limit=limit)

    def create_repository(
        self,
        name: str,
        *,
        default_branch: str | None = None,
        sample_data: bool = False,
        exist_ok: bool = False,
    ) -> Repository:
        """Create the repository `name` with one empty commit, and return it.

        Args:
            default_branch: None is `main`.
            sample_data: fill it with a small real data set.
            exist_ok: a repository of that name, whatever is in it, is fine too.

        Raises:
            ConflictError: there is a repository of that name.
        """
        repository = self.repository(name)
        try:
            self.client.create_repository(
                name, default_branch=default_branch, sample_data=sample_data
            )
        except ConflictError:
            if not exist_ok:
                raise
        return repository

    def delete_repository(self, name: str) -> None:
        """Delete the repository `name` with its whole history.

        Raises:
            NotFoundError: there is none.
        """
        self.client.delete_repository(name)

    def model(self, name: str) -> Model:
        """Return the model `name`; asks nobody."""
        return Model(self, name)

    def models(self, prefix: str = "", *, limit: int | None = None) -> Listing[Model]:
        """List the models whose names begin with `prefix`, by name."""

        def ask(most: int | None) -> Iterator[ModelBody]:
            return self.client.iter_models(prefix=prefix, limit=most)

        title = f"models of {self.server}"
        return Listing(title, ask, lambda found: self.model(found.name), limit=limit)

    def user(self) -> wire.User:
        """Return whom the server takes us for."""
        return self.client.get_current_user()

    def __enter__(self) -> Self:
        self.client.__enter__()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections, and a directory that was served here."""
        self.client.close()

    def __reduce__(self) -> tuple[object, ...]:
        # By name, never with a key: who unpickles it has one, or gets no further.
        return revive_lake, (self.server,)

    def __repr__(self) -> str:
        return f"<lake at {self.server}>"

    def _repr_html_(self) -> str:
        return tables.facts("lake", [("server", self.server)])

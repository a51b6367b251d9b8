"""A lake: all the repositories of one server, and where every handle begins."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from .. import tables, wire
from ..async_client import AsyncClient
from ..errors import ConflictError
from ..runs.addresses import Inputs, Outputs
from ..runs.plan import LOST_AFTER_S, make_plan
from ..wire.models import Model as ModelBody
from .listing import AsyncListing
from .model import AsyncModel
from .repository import AsyncRepository

if TYPE_CHECKING:
    from ..runs.run import AsyncRun


def revive_async_lake(server: str) -> AsyncLake:
    """Return the lake of a handle that comes out of a pickle."""
    from ..connecting import revive_async_lake as revive

    return revive(server)


class AsyncLake:
    """The repositories of one server; made by `connect_async`.

    `client` is the flat client behind it, with every operation there is.
    """

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.server = client.server

    def repository(self, name: str) -> AsyncRepository:
        """Return the repository `name`; asks nobody."""
        return AsyncRepository(self, name)

    def repositories(
        self, prefix: str = "", *, limit: int | None = None
    ) -> AsyncListing[AsyncRepository]:
        """List the repositories whose names begin with `prefix`, by name."""

        def ask(most: int | None) -> AsyncIterator[wire.Repository]:
            return self.client.iter_repositories(prefix=prefix, limit=most)

        title = f"repositories of {self.server}"
        return AsyncListing(
            title, ask, lambda found: self.repository(found.id), limit=limit
        )

    async def create_repository(
        self,
        name: str,
        *,
        default_branch: str | None = None,
        sample_data: bool = False,
        exist_ok: bool = False,
    ) -> AsyncRepository:
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
            await self.client.create_repository(
                name, default_branch=default_branch, sample_data=sample_data
            )
        except ConflictError:
            if not exist_ok:
                raise
        return repository

    async def delete_repository(self, name: str, *, force: bool = False) -> None:
        """Delete the repository `name` with its whole history.

        Args:
            force: also if it is read-only.

        Raises:
            NotFoundError: there is none.
            PermissionDeniedError: it is read-only.
        """
        await self.client.delete_repository(name, force=force)

    def run(
        self,
        experiment: str = "",
        *,
        repository: str | None = None,
        params: Mapping[str, object] | None = None,
        inputs: Inputs = (),
        outputs: Outputs | None = None,
        config: Sequence[str | Path] = (),
        seed: int | None = None,
        lost_after_s: int = LOST_AFTER_S,
    ) -> AsyncRun:
        """Return a run to record: in a `with` statement, or as a decorator.

        In a process that `lakebed run` started it is the run that goes on already.

        Args:
            experiment: what it is a try of; any number of runs have the same.
            repository: which one it belongs to; else that of the first output or input.
            params: its parameters.
            inputs: addresses, or where each shall be checked out to: `run.input` does.
            outputs: files and folders, each with the address where it is uploaded to
                when the run has succeeded; `run.output` does it at once.
            config: configuration files: kept, and their values are parameters.
            seed: of all random numbers, as `seed_everything` sets it.
            lost_after_s: when it counts as lost, if nothing is heard of it.

        Raises:
            InvalidRequestError: an address is none.
        """
        from ..runs.run import AsyncRun

        plan = make_plan(
            experiment,
            repository=repository,
            params=params,
            inputs=inputs,
            outputs=outputs,
            config=config,
            seed=seed,
            lost_after_s=lost_after_s,
        )
        return AsyncRun(self, plan)

    def model(self, name: str) -> AsyncModel:
        """Return the model `name`; asks nobody."""
        return AsyncModel(self, name)

    def models(
        self, prefix: str = "", *, limit: int | None = None
    ) -> AsyncListing[AsyncModel]:
        """List the models whose names begin with `prefix`, by name."""

        def ask(most: int | None) -> AsyncIterator[ModelBody]:
            return self.client.iter_models(prefix=prefix, limit=most)

        title = f"models of {self.server}"
        return AsyncListing(
            title, ask, lambda found: self.model(found.name), limit=limit
        )

    async def user(self) -> wire.User:
        """Return whom the server takes us for."""
        return await self.client.get_current_user()

    async def __aenter__(self) -> Self:
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections, and a directory that was served here."""
        await self.client.close()

    def __reduce__(self) -> tuple[object, ...]:
        # By name, never with a key: who unpickles it has one, or gets no further.
        return revive_async_lake, (self.server,)

    def __repr__(self) -> str:
        return f"<lake at {self.server}>"

    def _repr_html_(self) -> str:
        return tables.facts("lake", [("server", self.server)])

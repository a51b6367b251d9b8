# Made from client/handles/lake.py by `python3 tasks.py blocking`: change that one.
"""A lake: all the repositories of one server, and where every handle begins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ... import tables, wire
from ...errors import ConflictError
from ...runs.addresses import Inputs, Outputs
from ...runs.plan import LOST_AFTER_S, make_plan
from ...wire.models import Model as ModelBody
from ..client import Client
from .listing import Listing
from .model import Model
from .repository import Repository

if TYPE_CHECKING:
    from ...runs.run import Run


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

    def delete_repository(self, name: str, *, force: bool = False) -> None:
        """Delete the repository `name` with its whole history.

        Args:
            force: also if it is read-only.

        Raises:
            NotFoundError: there is none.
            PermissionDeniedError: it is read-only.
        """
        self.client.delete_repository(name, force=force)

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
    ) -> Run:
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
        from ...runs.run import Run

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
        return Run(self, plan)

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

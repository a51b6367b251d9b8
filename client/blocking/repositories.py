"""Repositories and the server itself, without `await`: see `operations/repositories.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..wire import AccessKey, Config, Credentials, Repository, User
from .operations import BlockingOperations


class BlockingRepositoryOperations(BlockingOperations):
    """Make, find and delete repositories; ask the server about itself."""

    def check_health(self) -> None:
        """Return if the server answers.

        Raises:
            ServerUnreachableError: it does not.
        """
        self._loop.run(self._lake.check_health())

    def get_config(self) -> Config:
        """Return what the server says of itself and its storage."""
        return self._loop.run(self._lake.get_config())

    def get_current_user(self) -> User:
        """Return whom the server takes us for."""
        return self._loop.run(self._lake.get_current_user())

    def setup(self, username: str, *, key: AccessKey | None = None) -> Credentials:
        """Make the first user, with `key` or a new one, and return its key.

        Raises:
            ConflictError: the server has its first user.
        """
        return self._loop.run(self._lake.setup(username, key=key))

    def create_repository(
        self,
        name: str,
        *,
        default_branch: str | None = None,
        storage_namespace: str | None = None,
        sample_data: bool = False,
        read_only: bool = False,
    ) -> Repository:
        """Create the repository `name` with one empty commit on its default branch.

        Raises:
            ConflictError: there is a repository of that name.
        """
        return self._loop.run(
            self._lake.create_repository(
                name,
                default_branch=default_branch,
                storage_namespace=storage_namespace,
                sample_data=sample_data,
                read_only=read_only,
            )
        )

    def get_repository(self, name: str) -> Repository:
        """Return the repository `name`.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.get_repository(name))

    def iter_repositories(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> Iterator[Repository]:
        """Yield the repositories whose names begin with `prefix`, by name."""
        return self._loop.iterate(
            self._lake.iter_repositories(prefix=prefix, after=after, limit=limit)
        )

    def get_repository_metadata(self, name: str) -> dict[str, str]:
        """Return the metadata of the repository `name`.

        Raises:
            NotFoundError: there is no such repository.
        """
        return self._loop.run(self._lake.get_repository_metadata(name))

    def change_repository_metadata(
        self,
        name: str,
        *,
        put: Mapping[str, str] | None = None,
        remove: Sequence[str] = (),
    ) -> None:
        """Set keys of the metadata of the repository `name`, then remove others.

        Raises:
            NotFoundError: there is no such repository.
        """
        self._loop.run(
            self._lake.change_repository_metadata(name, put=put, remove=remove)
        )

    def get_branch_protection(self, name: str) -> list[str]:
        """Return the globs of branches of the repository that change only by merges.

        Raises:
            NotFoundError: there is no such repository.
        """
        return self._loop.run(self._lake.get_branch_protection(name))

    def set_branch_protection(self, name: str, patterns: Sequence[str]) -> None:
        """Protect the branches that `patterns` name, and no others.

        `*` stands for any characters, `?` for one.

        Raises:
            NotFoundError: there is no such repository.
        """
        self._loop.run(self._lake.set_branch_protection(name, patterns))

    def delete_repository(self, name: str, *, force: bool = False) -> None:
        """Delete the repository `name` with its whole history; a read-only one by `force`.

        Raises:
            NotFoundError: there is none.
            PermissionDeniedError: it is read-only.
        """
        self._loop.run(self._lake.delete_repository(name, force=force))

"""Repositories, and the server itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence

from ..transport import Call
from ..wire import (
    AccessKey,
    Config,
    Credentials,
    CurrentUser,
    MetadataKeys,
    MetadataSet,
    Page,
    ProtectionRule,
    Repository,
    RepositoryCreation,
    Setup,
    User,
    routes,
)
from .paging import Operations, flag


class RepositoryOperations(Operations):
    """Make, find and delete repositories; ask the server about itself."""

    async def check_health(self) -> None:
        """Return if the server answers.

        Raises:
            ServerUnreachableError: it does not.
        """
        await self._transport.run(
            Call("check the server", "GET", routes.HEALTHCHECK, repeatable=True)
        )

    async def get_config(self) -> Config:
        """Return what the server says of itself and its storage."""
        call = Call("read the configuration", "GET", routes.CONFIG, repeatable=True)
        return await self._transport.fetch(call, Config)

    async def get_current_user(self) -> User:
        """Return whom the server takes us for."""
        call = Call("ask who we are", "GET", routes.CURRENT_USER, repeatable=True)
        return (await self._transport.fetch(call, CurrentUser)).user

    async def setup(
        self, username: str, *, key: AccessKey | None = None
    ) -> Credentials:
        """Make the first user, with `key` or a new one, and return its key.

        Raises:
            ConflictError: the server has its first user.
        """
        body = Setup(username=username, key=key)
        call = Call("set the server up", "POST", routes.SETUP, body=body)
        return await self._transport.fetch(call, Credentials)

    async def create_repository(
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
        body = RepositoryCreation(
            name=name,
            storage_namespace=storage_namespace,
            default_branch=default_branch,
            sample_data=sample_data,
            read_only=read_only,
        )
        what = f"create repository '{name}'"
        call = Call(what, "POST", routes.REPOSITORIES, body=body)
        return await self._transport.fetch(call, Repository)

    async def get_repository(self, name: str) -> Repository:
        """Return the repository `name`.

        Raises:
            NotFoundError: there is none.
        """
        path = routes.fill(routes.REPOSITORY, repository=name)
        call = Call(f"read repository '{name}'", "GET", path, repeatable=True)
        return await self._transport.fetch(call, Repository)

    def iter_repositories(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> AsyncIterator[Repository]:
        """Yield the repositories whose names begin with `prefix`, by name."""
        call = Call(
            "list repositories",
            "GET",
            routes.REPOSITORIES,
            query=(("prefix", prefix),) if prefix else (),
            repeatable=True,
        )
        return self._iter_pages(call, Page[Repository], after=after, limit=limit)

    async def get_repository_metadata(self, name: str) -> dict[str, str]:
        """Return the metadata of the repository `name`.

        Raises:
            NotFoundError: there is no such repository.
        """
        path = routes.fill(routes.REPOSITORY_METADATA, repository=name)
        what = f"read the metadata of '{name}'"
        call = Call(what, "GET", path, repeatable=True)
        return await self._transport.fetch(call, dict[str, str])

    async def change_repository_metadata(
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
        path = routes.fill(routes.REPOSITORY_METADATA, repository=name)
        what = f"change the metadata of '{name}'"
        if put:
            body = MetadataSet(metadata=dict(put))
            await self._transport.run(
                Call(what, "POST", path, body=body, repeatable=True)
            )
        if remove:
            keys = MetadataKeys(keys=list(remove))
            await self._transport.run(
                Call(what, "DELETE", path, body=keys, repeatable=True)
            )

    async def get_branch_protection(self, name: str) -> list[str]:
        """Return the globs of branches of the repository that change only by merges.

        Raises:
            NotFoundError: there is no such repository.
        """
        path = routes.fill(routes.BRANCH_PROTECTION, repository=name)
        what = f"read which branches of '{name}' are protected"
        call = Call(what, "GET", path, repeatable=True)
        rules = await self._transport.fetch(call, list[ProtectionRule])
        return [rule.pattern for rule in rules]

    async def set_branch_protection(self, name: str, patterns: Sequence[str]) -> None:
        """Protect the branches that `patterns` name, and no others.

        `*` stands for any characters, `?` for one.

        Raises:
            NotFoundError: there is no such repository.
        """
        path = routes.fill(routes.BRANCH_PROTECTION, repository=name)
        what = f"protect branches of '{name}'"
        body = [ProtectionRule(pattern=pattern) for pattern in patterns]
        await self._transport.run(Call(what, "PUT", path, body=body, repeatable=True))

    async def delete_repository(self, name: str, *, force: bool = False) -> None:
        """Delete the repository `name` with its whole history; a read-only one by `force`.

        Raises:
            NotFoundError: there is none.
            PermissionDeniedError: it is read-only.
        """
        call = Call(
            f"delete repository '{name}'",
            "DELETE",
            routes.fill(routes.REPOSITORY, repository=name),
            query=(("force", flag(force)),) if force else (),
            repeatable=True,
        )
        await self._transport.delete(call)

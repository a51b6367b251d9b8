"""Users, their keys, and what they may do where."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ..transport import Call
from ..wire import (
    Credentials,
    Grant,
    GrantCreation,
    GrantLevel,
    KeyInfo,
    Page,
    User,
    UserCreation,
    routes,
)
from .paging import Operations


class PeopleOperations(Operations):
    """Manage users, keys and grants: administrators all of them, others their own keys."""

    async def create_user(self, name: str, *, is_admin: bool = False) -> User:
        """Create the user `name`, without keys and grants.

        Raises:
            ConflictError: there is a user of that name.
        """
        body = UserCreation(id=name, is_admin=is_admin)
        call = Call(f"create user '{name}'", "POST", routes.USERS, body=body)
        return await self._transport.fetch(call, User)

    async def get_user(self, name: str) -> User:
        """Return the user `name`.

        Raises:
            NotFoundError: there is none.
        """
        path = routes.fill(routes.USER, user=name)
        call = Call(f"read user '{name}'", "GET", path, repeatable=True)
        return await self._transport.fetch(call, User)

    def iter_users(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> AsyncIterator[User]:
        """Yield the users whose names begin with `prefix`, by name."""
        call = Call(
            "list users",
            "GET",
            routes.USERS,
            query=(("prefix", prefix),) if prefix else (),
            repeatable=True,
        )
        return self._iter_pages(call, Page[User], after=after, limit=limit)

    async def delete_user(self, name: str) -> None:
        """Delete the user `name`, with keys and grants.

        Raises:
            NotFoundError: there is none.
            ConflictError: it is the last administrator.
        """
        path = routes.fill(routes.USER, user=name)
        call = Call(f"delete user '{name}'", "DELETE", path, repeatable=True)
        await self._transport.delete(call)

    async def create_key(self, user: str) -> Credentials:
        """Give `user` another access key; its secret is shown this once.

        Raises:
            NotFoundError: there is no such user.
            ConflictError: they have as many as one may have.
        """
        path = routes.fill(routes.USER_KEYS, user=user)
        call = Call(f"make a key for '{user}'", "POST", path)
        return await self._transport.fetch(call, Credentials)

    def iter_keys(
        self, user: str, *, after: str = "", limit: int | None = None
    ) -> AsyncIterator[KeyInfo]:
        """Yield the access keys of `user`, without secrets, by id.

        Raises:
            NotFoundError: there is no such user.
        """
        path = routes.fill(routes.USER_KEYS, user=user)
        call = Call(f"list the keys of '{user}'", "GET", path, repeatable=True)
        return self._iter_pages(call, Page[KeyInfo], after=after, limit=limit)

    async def get_key(self, user: str, access_key_id: str) -> KeyInfo:
        """Return an access key of `user`, without its secret.

        Raises:
            NotFoundError: there is no such user, or they have no such key.
        """
        path = routes.fill(routes.USER_KEY, user=user, key=access_key_id)
        call = Call(f"read key '{access_key_id}'", "GET", path, repeatable=True)
        return await self._transport.fetch(call, KeyInfo)

    async def revoke_key(self, user: str, access_key_id: str) -> None:
        """Delete an access key of `user`; it stops working at once.

        Raises:
            NotFoundError: there is no such user, or they have no such key.
        """
        path = routes.fill(routes.USER_KEY, user=user, key=access_key_id)
        call = Call(f"revoke key '{access_key_id}'", "DELETE", path, repeatable=True)
        await self._transport.delete(call)

    async def add_grant(
        self, user: str, repository: str, ref: str, level: GrantLevel
    ) -> Grant:
        """Let `user` do what `level` says on the refs that the globs name.

        In place of what was granted for the same globs.

        Raises:
            NotFoundError: there is no such user.
            InvalidRequestError: a glob has other characters than names, `*` and `?`.
            ConflictError: they have as many grants as one may have.
        """
        body = GrantCreation(repository=repository, ref=ref, level=level)
        path = routes.fill(routes.USER_GRANTS, user=user)
        what = f"grant '{user}' rights on '{repository}/{ref}'"
        call = Call(what, "POST", path, body=body, repeatable=True)
        return await self._transport.fetch(call, Grant)

    def iter_grants(
        self, user: str, *, after: str = "", limit: int | None = None
    ) -> AsyncIterator[Grant]:
        """Yield what `user` may do where, by `REPOSITORY/REF`.

        Raises:
            NotFoundError: there is no such user.
        """
        path = routes.fill(routes.USER_GRANTS, user=user)
        call = Call(f"list the grants of '{user}'", "GET", path, repeatable=True)
        return self._iter_pages(call, Page[Grant], after=after, limit=limit)

    async def remove_grant(self, user: str, repository: str, ref: str) -> None:
        """Take the grant for these globs away from `user`; it stops counting at once.

        Raises:
            NotFoundError: there is no such user, or they have no such grant.
        """
        call = Call(
            f"take rights on '{repository}/{ref}' from '{user}'",
            "DELETE",
            routes.fill(routes.USER_GRANTS, user=user),
            query=(("repository", repository), ("ref", ref)),
            repeatable=True,
        )
        await self._transport.delete(call)

"""Users, keys and grants, without `await`: see `operations/people.py`."""

from __future__ import annotations

from collections.abc import Iterator

from ..wire import Credentials, Grant, GrantLevel, KeyInfo, User
from .operations import BlockingOperations


class BlockingPeopleOperations(BlockingOperations):
    """Manage users, keys and grants: administrators all of them, others their own keys."""

    def create_user(self, name: str, *, is_admin: bool = False) -> User:
        """Create the user `name`, without keys and grants.

        Raises:
            ConflictError: there is a user of that name.
        """
        return self._loop.run(self._lake.create_user(name, is_admin=is_admin))

    def get_user(self, name: str) -> User:
        """Return the user `name`.

        Raises:
            NotFoundError: there is none.
        """
        return self._loop.run(self._lake.get_user(name))

    def iter_users(
        self, *, prefix: str = "", after: str = "", limit: int | None = None
    ) -> Iterator[User]:
        """Yield the users whose names begin with `prefix`, by name."""
        return self._loop.iterate(
            self._lake.iter_users(prefix=prefix, after=after, limit=limit)
        )

    def delete_user(self, name: str) -> None:
        """Delete the user `name`, with keys and grants.

        Raises:
            NotFoundError: there is none.
            ConflictError: it is the last administrator.
        """
        self._loop.run(self._lake.delete_user(name))

    def create_key(self, user: str) -> Credentials:
        """Give `user` another access key; its secret is shown this once.

        Raises:
            NotFoundError: there is no such user.
            ConflictError: they have as many as one may have.
        """
        return self._loop.run(self._lake.create_key(user))

    def iter_keys(
        self, user: str, *, after: str = "", limit: int | None = None
    ) -> Iterator[KeyInfo]:
        """Yield the access keys of `user`, without secrets, by id.

        Raises:
            NotFoundError: there is no such user.
        """
        return self._loop.iterate(self._lake.iter_keys(user, after=after, limit=limit))

    def get_key(self, user: str, access_key_id: str) -> KeyInfo:
        """Return an access key of `user`, without its secret.

        Raises:
            NotFoundError: there is no such user, or they have no such key.
        """
        return self._loop.run(self._lake.get_key(user, access_key_id))

    def revoke_key(self, user: str, access_key_id: str) -> None:
        """Delete an access key of `user`; it stops working at once.

        Raises:
            NotFoundError: there is no such user, or they have no such key.
        """
        self._loop.run(self._lake.revoke_key(user, access_key_id))

    def add_grant(
        self, user: str, repository: str, ref: str, level: GrantLevel
    ) -> Grant:
        """Let `user` do what `level` says on the refs that the globs name.

        In place of what was granted for the same globs.

        Raises:
            NotFoundError: there is no such user.
            InvalidRequestError: a glob has other characters than names, `*` and `?`.
            ConflictError: they have as many grants as one may have.
        """
        return self._loop.run(self._lake.add_grant(user, repository, ref, level))

    def iter_grants(
        self, user: str, *, after: str = "", limit: int | None = None
    ) -> Iterator[Grant]:
        """Yield what `user` may do where, by `REPOSITORY/REF`.

        Raises:
            NotFoundError: there is no such user.
        """
        return self._loop.iterate(
            self._lake.iter_grants(user, after=after, limit=limit)
        )

    def remove_grant(self, user: str, repository: str, ref: str) -> None:
        """Take the grant for these globs away from `user`; it stops counting at once.

        Raises:
            NotFoundError: there is no such user, or they have no such grant.
        """
        self._loop.run(self._lake.remove_grant(user, repository, ref))

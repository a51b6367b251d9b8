"""Users, their keys and their grants: what can be done about them, for every protocol.

Who may do it is asked before: administrators of the lake, and everybody for their own
keys. A request that speaks for a user brings that user's id along, so that what was
asked by a user who is deleted meanwhile never reaches another of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..errors import (
    CredentialNotFoundError,
    GrantNotFoundError,
    UserNotFoundError,
)
from ..repository.paging import Page, check_limit, cut_page
from .grants import Grant, Permission, check_grant
from .names import check_user_name
from .principal import Principal
from .secrets import AccessKey, MasterKey, make_access_key
from .store import AuthStore, KeyInfo, User


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown once, to whoever made it."""

    key: AccessKey
    created_ms: int


class People:
    """The users of a lake."""

    def __init__(
        self, store: AuthStore, master_key: MasterKey, clock: Callable[[], int]
    ) -> None:
        """Keep users in `store`, secrets sealed with `master_key`.

        Args:
            store: where they are kept.
            master_key: seals secrets.
            clock: the time, in milliseconds since 1970 UTC.
        """
        self._store = store
        self._master_key = master_key
        self._clock = clock

    async def create_user(self, name: str, *, is_admin: bool) -> User:
        """Create a user without keys and grants.

        Raises:
            InvalidNameError: no user may have that name.
            UserExistsError: the name is taken.
            AdministratorNeededError: it is the first user, and no administrator.
        """
        return await self._store.create_user(
            check_user_name(name), is_admin=is_admin, now_ms=self._clock()
        )

    async def get_user(self, name: str, asking: Principal) -> User:
        """Return the user `name`.

        Raises:
            UserNotFoundError: there is none, or it is another one than the user `asking`
                who had that name until just now.
        """
        user = await self._store.find_user(name)
        if user is None or (
            asking.name == name and asking.is_user and asking.user_id != user.id
        ):
            raise UserNotFoundError(name)
        return user

    async def list_users(self, *, prefix: str, after: str, limit: int) -> Page[User]:
        """Return a page of the users, by name."""
        found = await self._store.list_users(
            prefix=prefix, after=after, limit=check_limit(limit) + 1
        )
        return cut_page(found, limit, lambda user: user.name)

    async def delete_user(self, name: str, asking: Principal) -> None:
        """Delete a user with keys and grants; their keys stop working at once.

        Raises:
            UserNotFoundError
            AdministratorNeededError: nobody could manage users any more.
        """
        user = await self.get_user(name, asking)
        if not await self._store.delete_user(user.id):
            raise UserNotFoundError(name)

    async def create_key(self, name: str, asking: Principal) -> NewKey:
        """Give a user another key.

        Raises:
            UserNotFoundError
            TooManyError: the user has as many as one may have.
        """
        user = await self.get_user(name, asking)
        made = NewKey(make_access_key(), self._clock())
        await self._store.add_credential(
            user.id,
            made.key.id,
            self._master_key.seal(made.key),
            now_ms=made.created_ms,
        )
        return made

    async def list_keys(
        self, name: str, asking: Principal, *, prefix: str, after: str, limit: int
    ) -> Page[KeyInfo]:
        """Return a page of the keys of a user, by id, without secrets.

        Raises:
            UserNotFoundError
        """
        user = await self.get_user(name, asking)
        found = await self._store.list_credentials(
            user.id, prefix=prefix, after=after, limit=check_limit(limit) + 1
        )
        return cut_page(found, limit, lambda key: key.access_key_id)

    async def get_key(
        self, name: str, access_key_id: str, asking: Principal
    ) -> KeyInfo:
        """Return a key of a user, without its secret.

        Raises:
            UserNotFoundError, CredentialNotFoundError
        """
        page = await self.list_keys(
            name, asking, prefix=access_key_id, after="", limit=1
        )
        # A key of exactly that id is the first of those that begin with it.
        if not page.items or page.items[0].access_key_id != access_key_id:
            raise CredentialNotFoundError(name, access_key_id)
        return page.items[0]

    async def revoke_key(
        self, name: str, access_key_id: str, asking: Principal
    ) -> None:
        """Delete a key of a user; it stops working at once, in every process.

        Raises:
            UserNotFoundError, CredentialNotFoundError
        """
        user = await self.get_user(name, asking)
        if not await self._store.delete_credential(user.id, access_key_id):
            raise CredentialNotFoundError(name, access_key_id)

    async def add_grant(
        self,
        name: str,
        asking: Principal,
        *,
        repository: str,
        ref: str,
        level: Permission,
    ) -> Grant:
        """Grant a user a level, in place of what they have for the same globs.

        Raises:
            UserNotFoundError
            InvalidValueError: a glob is not clean.
            TooManyError: the user has as many grants as one may have.
        """
        grant = check_grant(Grant(repository, ref, level, self._clock()))
        user = await self.get_user(name, asking)
        await self._store.set_grant(user.id, grant)
        return grant

    async def list_grants(
        self, name: str, asking: Principal, *, prefix: str, after: str, limit: int
    ) -> Page[Grant]:
        """Return a page of the grants of a user, by `REPOSITORY/REF`.

        Raises:
            UserNotFoundError
        """
        user = await self.get_user(name, asking)
        found = await self._store.list_grants(
            user.id, prefix=prefix, after=after, limit=check_limit(limit) + 1
        )
        return cut_page(found, limit, lambda grant: f"{grant.repository}/{grant.ref}")

    async def remove_grant(
        self, name: str, asking: Principal, *, repository: str, ref: str
    ) -> None:
        """Take a grant away; it stops counting at once, in every process.

        Raises:
            UserNotFoundError, GrantNotFoundError
        """
        user = await self.get_user(name, asking)
        if not await self._store.remove_grant(user.id, repository, ref):
            raise GrantNotFoundError(name, repository, ref)

"""Handlers of `/auth/users`: users, their keys, their grants."""

from __future__ import annotations

from lakebed.client import wire
from lakebed.client.wire import GrantCreation, Page, UserCreation

from ...auth.grants import Permission
from ...errors import NotImplementedYetError
from ..answers import (
    Created,
    Nothing,
    Shown,
    answer,
    answer_created,
    answer_nothing,
    answer_page,
)
from ..call import Call, NoBody, NoQuery
from ..parameters import GrantQuery, PageQuery
from ..shapes import show_grant, show_key, show_user


async def list_users(call: Call[PageQuery, NoBody]) -> Shown[Page[wire.User]]:
    """List users."""
    page = await call.people.list_users(
        prefix=call.query.prefix, after=call.query.after, limit=call.query.limit
    )
    return answer_page(page, show_user)


async def create_user(call: Call[NoQuery, UserCreation]) -> Created[wire.User]:
    """Create a user, without keys and grants.

    Raises:
        UserExistsError
    """
    if call.body.invite_user:
        raise NotImplementedYetError("invitations are not built: leave it out")
    user = await call.people.create_user(call.body.id, is_admin=call.body.is_admin)
    return answer_created(show_user(user))


async def get_user(call: Call[NoQuery, NoBody]) -> Shown[wire.User]:
    """Get a user."""
    user = await call.people.get_user(call.names["user"], call.principal)
    return answer(show_user(user))


async def delete_user(call: Call[NoQuery, NoBody]) -> Nothing:
    """Delete a user, with keys and grants.

    Raises:
        AdministratorNeededError
    """
    await call.people.delete_user(call.names["user"], call.principal)
    return answer_nothing()


async def list_user_credentials(
    call: Call[PageQuery, NoBody],
) -> Shown[Page[wire.KeyInfo]]:
    """List the access keys of a user, without secrets."""
    page = await call.people.list_keys(
        call.names["user"],
        call.principal,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
    )
    return answer_page(page, show_key)


async def create_credentials(call: Call[NoQuery, NoBody]) -> Created[wire.Credentials]:
    """Make an access key; answers with its secret, this once.

    Raises:
        TooManyError
    """
    made = await call.people.create_key(call.names["user"], call.principal)
    response = answer_created(
        wire.Credentials(
            access_key_id=made.key.id,
            secret_access_key=made.key.secret,
            creation_date=made.created_ms // 1000,
        )
    )
    response.headers["Cache-Control"] = "no-store"
    return response


async def get_credentials(call: Call[NoQuery, NoBody]) -> Shown[wire.KeyInfo]:
    """Get an access key, without its secret."""
    key = await call.people.get_key(
        call.names["user"], call.names["key"], call.principal
    )
    return answer(show_key(key))


async def delete_credentials(call: Call[NoQuery, NoBody]) -> Nothing:
    """Revoke an access key: it stops working at once."""
    await call.people.revoke_key(call.names["user"], call.names["key"], call.principal)
    return answer_nothing()


async def list_grants(call: Call[PageQuery, NoBody]) -> Shown[Page[wire.Grant]]:
    """List what a user may do where."""
    page = await call.people.list_grants(
        call.names["user"],
        call.principal,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
    )
    return answer_page(page, show_grant)


async def add_grant(call: Call[NoQuery, GrantCreation]) -> Created[wire.Grant]:
    """Grant a user a level, in place of what they have for the same globs.

    Raises:
        TooManyError
    """
    body = call.body
    grant = await call.people.add_grant(
        call.names["user"],
        call.principal,
        repository=body.repository,
        ref=body.ref,
        level=Permission.parse(body.level),
    )
    return answer_created(show_grant(grant))


async def remove_grant(call: Call[GrantQuery, NoBody]) -> Nothing:
    """Take a grant away: it stops counting at once.

    Raises:
        GrantNotFoundError
    """
    await call.people.remove_grant(
        call.names["user"],
        call.principal,
        repository=call.query.repository,
        ref=call.query.ref,
    )
    return answer_nothing()

"""Handlers of `/auth/users`: users, their keys, their grants."""

from __future__ import annotations

from aiohttp import web
from lakebed.client import wire
from lakebed.client.wire import GrantCreation, UserCreation

from ...auth.grants import Permission
from ...errors import NotImplementedYetError
from ..answers import answer, answer_created, answer_nothing, answer_page
from ..call import Call, NoBody, NoQuery
from ..parameters import GrantQuery, PageQuery
from ..shapes import show_grant, show_key, show_user


async def list_all(call: Call[PageQuery, NoBody]) -> web.StreamResponse:
    """List users."""
    page = await call.people.list_users(
        prefix=call.query.prefix, after=call.query.after, limit=call.query.limit
    )
    return answer_page(page, show_user)


async def create(call: Call[NoQuery, UserCreation]) -> web.StreamResponse:
    """Create a user, without keys and grants."""
    if call.body.invite_user:
        raise NotImplementedYetError("invitations are not built: leave it out")
    user = await call.people.create_user(call.body.id, is_admin=call.body.is_admin)
    return answer_created(show_user(user))


async def get(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """Get a user."""
    user = await call.people.get_user(call.names["user"], call.principal)
    return answer(show_user(user))


async def delete(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """Delete a user, with keys and grants."""
    await call.people.delete_user(call.names["user"], call.principal)
    return answer_nothing()


async def list_keys(call: Call[PageQuery, NoBody]) -> web.StreamResponse:
    """List the access keys of a user, without secrets."""
    page = await call.people.list_keys(
        call.names["user"],
        call.principal,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
    )
    return answer_page(page, show_key)


async def create_key(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """Make an access key; answers with its secret, this once."""
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


async def get_key(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """Get an access key, without its secret."""
    key = await call.people.get_key(
        call.names["user"], call.names["key"], call.principal
    )
    return answer(show_key(key))


async def revoke_key(call: Call[NoQuery, NoBody]) -> web.StreamResponse:
    """Revoke an access key: it stops working at once."""
    await call.people.revoke_key(call.names["user"], call.names["key"], call.principal)
    return answer_nothing()


async def list_grants(call: Call[PageQuery, NoBody]) -> web.StreamResponse:
    """List what a user may do where."""
    page = await call.people.list_grants(
        call.names["user"],
        call.principal,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
    )
    return answer_page(page, show_grant)


async def add_grant(call: Call[NoQuery, GrantCreation]) -> web.StreamResponse:
    """Grant a user a level, in place of what they have for the same globs."""
    body = call.body
    grant = await call.people.add_grant(
        call.names["user"],
        call.principal,
        repository=body.repository,
        ref=body.ref,
        level=Permission.parse(body.level),
    )
    return answer_created(show_grant(grant))


async def remove_grant(call: Call[GrantQuery, NoBody]) -> web.StreamResponse:
    """Take a grant away: it stops counting at once."""
    await call.people.remove_grant(
        call.names["user"],
        call.principal,
        repository=call.query.repository,
        ref=call.query.ref,
    )
    return answer_nothing()

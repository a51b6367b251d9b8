"""Handlers of `/tags`."""

from __future__ import annotations

from aiohttp import web
from lakebed.client.wire import TagCreation

from ...repository import tags
from ..answers import answer, answer_created, answer_nothing, answer_page
from ..call import Call, NoBody, NoQuery
from ..parameters import PageQuery
from ..shapes import show_tag


async def list_all(call: Call[PageQuery, NoBody]) -> web.Response:
    """List tags."""
    page = await tags.list_tags(
        call.engine,
        call.repository,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
    )
    return answer_page(page, show_tag)


async def create(call: Call[NoQuery, TagCreation]) -> web.Response:
    """Create a tag."""
    tag = await tags.create_tag(
        call.engine, call.repository, call.body.id, call.body.ref, actor=call.actor
    )
    return answer_created(show_tag(tag))


async def get(call: Call[NoQuery, NoBody]) -> web.Response:
    """Get a tag."""
    return answer(
        show_tag(await tags.get_tag(call.engine, call.repository, call.names["tag"]))
    )


async def delete(call: Call[NoQuery, NoBody]) -> web.Response:
    """Delete a tag."""
    await tags.delete_tag(
        call.engine, call.repository, call.names["tag"], actor=call.actor
    )
    return answer_nothing()

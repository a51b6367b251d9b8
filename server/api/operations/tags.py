"""Handlers of `/tags`."""

from __future__ import annotations

from lakebed.client.wire import Page, Ref, TagCreation

from ...ids import CommitId
from ...repository import tags
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
from ..parameters import ForceQuery, PageQuery
from ..shapes import show_tag


async def list_tags(call: Call[PageQuery, NoBody]) -> Shown[Page[Ref]]:
    """List tags."""
    page = await tags.list_tags(
        call.engine,
        call.repository,
        prefix=call.query.prefix,
        after=call.query.after,
        limit=call.query.limit,
        is_shown=call.shown_refs,
    )
    return answer_page(page, show_tag)


async def create_tag(call: Call[NoQuery, TagCreation]) -> Created[Ref]:
    """Create a tag.

    Raises:
        RefExistsError
    """
    body = call.body

    async def pin() -> CommitId:
        made = await tags.create_tag(
            call.engine,
            call.repository,
            body.id,
            body.ref,
            actor=call.actor,
            force=call.may_force(body.force),
            once=call.once,
        )
        return made.commit_id

    commit_id = await call.run_once(pin)
    return answer_created(Ref(id=body.id, commit_id=commit_id.hex()))


async def get_tag(call: Call[NoQuery, NoBody]) -> Shown[Ref]:
    """Get a tag."""
    return answer(
        show_tag(await tags.get_tag(call.engine, call.repository, call.names["tag"]))
    )


async def delete_tag(call: Call[ForceQuery, NoBody]) -> Nothing:
    """Delete a tag."""
    await tags.delete_tag(
        call.engine,
        call.repository,
        call.names["tag"],
        actor=call.actor,
        force=call.may_force(call.query.force),
    )
    return answer_nothing()

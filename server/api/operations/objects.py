"""Handlers that read and describe objects."""

from __future__ import annotations

from aiohttp import web
from lakebed.client.wire import Du, ObjectStats, UnderlyingProperties

from ...errors import NotImplementedYetError
from ...repository.listings import CommonPrefix, list_objects, measure
from ...repository.objects import stat_object
from ...repository.paths import check_path, encode_path
from ...repository.resolving import get_repository
from ...tree.entry import Entry
from ..answers import answer, answer_results
from ..call import Call, NoBody
from ..parameters import ObjectsQuery, PathQuery, PrefixQuery, ReadQuery, StatQuery
from ..reading import send_located
from ..shapes import show_object, show_prefix


async def read(call: Call[ReadQuery, NoBody]) -> web.StreamResponse:
    """Read an object, or a range of it."""
    _refuse_presigning(call.query.presign)
    located = await stat_object(
        call.engine, call.repository, call.names["ref"], check_path(call.query.path)
    )
    return await send_located(call, located)


async def stat(call: Call[StatQuery, NoBody]) -> web.StreamResponse:
    """Describe an object."""
    _refuse_presigning(call.query.presign)
    located = await stat_object(
        call.engine, call.repository, call.names["ref"], check_path(call.query.path)
    )
    return answer(
        show_object(
            located.repository.storage_namespace,
            located.entry,
            with_metadata=call.query.user_metadata,
        )
    )


async def list_all(call: Call[ObjectsQuery, NoBody]) -> web.StreamResponse:
    """List objects, or with a delimiter the common prefixes of their paths."""
    query = call.query
    _refuse_presigning(query.presign)
    repository = await get_repository(call.engine, call.repository)
    namespace = repository.storage_namespace
    page = await list_objects(
        call.engine,
        call.repository,
        call.names["ref"],
        prefix=encode_path(query.prefix),
        after=encode_path(query.after),
        delimiter=query.delimiter.encode(),
        limit=query.limit,
    )

    def show(item: Entry | CommonPrefix) -> ObjectStats:
        if isinstance(item, CommonPrefix):
            return show_prefix(item)
        return show_object(namespace, item, with_metadata=query.user_metadata)

    next_after = page.next_after
    return answer_results(
        (show(item) for item in page.items),
        next_after.decode() if next_after is not None else None,
    )


async def get_properties(call: Call[PathQuery, NoBody]) -> web.StreamResponse:
    """Get what the backend says of an object."""
    await stat_object(
        call.engine, call.repository, call.names["ref"], check_path(call.query.path)
    )
    return answer(UnderlyingProperties(storage_class="STANDARD"))


async def get_usage(call: Call[PrefixQuery, NoBody]) -> web.StreamResponse:
    """Count the objects below a prefix, and their bytes."""
    prefix = call.query.prefix
    measured = await measure(
        call.engine, call.repository, call.names["ref"], prefix=encode_path(prefix)
    )
    return answer(
        Du(
            prefix=prefix,
            object_count=measured.entry_count,
            size_bytes=measured.byte_total,
        )
    )


def _refuse_presigning(is_asked: bool) -> None:
    if is_asked:
        raise NotImplementedYetError("presigned addresses are not built yet")

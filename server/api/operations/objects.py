"""Handlers that read and describe objects."""

from __future__ import annotations

from lakebed.client.wire import Du, ObjectStats, Page, UnderlyingProperties

from ...errors import NotImplementedYetError
from ...repository import listings
from ...repository import objects as stored
from ...repository.listings import CommonPrefix
from ...repository.paths import check_path, encode_path
from ...repository.resolving import get_repository
from ...tree.entry import Entry
from ..answers import ObjectBytes, Shown, answer, answer_results
from ..call import Call, NoBody
from ..parameters import ObjectsQuery, PathQuery, PrefixQuery, ReadQuery, StatQuery
from ..reading import send_located
from ..shapes import show_object, show_prefix


async def get_object(call: Call[ReadQuery, NoBody]) -> ObjectBytes:
    """Read an object, or a range of it.

    Raises:
        ObjectNotFoundError
        RangeNotSatisfiableError
    """
    _refuse_presigning(call.query.presign)
    located = await stored.stat_object(
        call.engine, call.repository, call.names["ref"], check_path(call.query.path)
    )
    return await send_located(call, located)


async def head_object(call: Call[ReadQuery, NoBody]) -> ObjectBytes:
    """Get what is said of an object beside its bytes: size, type, ETag, time.

    Raises:
        ObjectNotFoundError
        RangeNotSatisfiableError
    """
    return await get_object(call)


async def stat_object(call: Call[StatQuery, NoBody]) -> Shown[ObjectStats]:
    """Describe an object.

    Raises:
        ObjectNotFoundError
    """
    _refuse_presigning(call.query.presign)
    located = await stored.stat_object(
        call.engine, call.repository, call.names["ref"], check_path(call.query.path)
    )
    return answer(
        show_object(
            located.repository.storage_namespace,
            located.entry,
            with_metadata=call.query.user_metadata,
        )
    )


async def list_objects(call: Call[ObjectsQuery, NoBody]) -> Shown[Page[ObjectStats]]:
    """List objects, or with a delimiter the common prefixes of their paths."""
    query = call.query
    _refuse_presigning(query.presign)
    repository = await get_repository(call.engine, call.repository)
    namespace = repository.storage_namespace
    page = await listings.list_objects(
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


async def get_underlying_properties(
    call: Call[PathQuery, NoBody],
) -> Shown[UnderlyingProperties]:
    """Get what the backend says of an object.

    Raises:
        ObjectNotFoundError
    """
    await stored.stat_object(
        call.engine, call.repository, call.names["ref"], check_path(call.query.path)
    )
    return answer(UnderlyingProperties(storage_class="STANDARD"))


async def get_usage(call: Call[PrefixQuery, NoBody]) -> Shown[Du]:
    """Count the objects below a prefix, and their bytes."""
    prefix = call.query.prefix
    measured = await listings.measure(
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

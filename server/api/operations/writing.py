"""Handlers that write objects: upload, delete, copy, move."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from aiohttp import hdrs
from lakebed.client.wire import (
    ObjectCopy,
    ObjectErrorList,
    ObjectMove,
    ObjectMoveResult,
    ObjectStats,
    PathList,
    UserMetadata,
)

from ...errors import InvalidValueError
from ...httprules.receiving import Patience
from ...repository import copies, deleting, objects
from ...repository.deleting import Deletion
from ...repository.describing import update_extra
from ...repository.paths import check_path, encode_path
from ...repository.resolving import get_repository
from ...tree.entry import Entry
from ..answers import (
    Created,
    CreatedNothing,
    Nothing,
    Shown,
    answer,
    answer_created,
    answer_created_nothing,
    answer_nothing,
)
from ..bodies import FormUpload, is_small, open_upload
from ..call import Call, NoBody, NoQuery, Uploaded
from ..headers import read_condition, read_extra
from ..parameters import CopyQuery, ForceQuery, PathQuery, WriteQuery
from ..shapes import show_object

BATCH_PATHS_MAX = 1000
"""Paths of one deletion; the limit of S3 and of the lakeFS API."""


async def upload_object(call: Call[WriteQuery, Uploaded]) -> Created[ObjectStats]:
    """Upload an object: the raw body, or the field `content` of a form."""
    path = check_path(call.query.path)
    if is_small(call.request):
        entry = await _take_in(call, path)
    else:
        async with call.streams.turn(call.request):
            entry = await _take_in(call, path)
    repository = await get_repository(call.engine, call.repository)
    return answer_created(show_object(repository.storage_namespace, entry))


async def _take_in(call: Call[WriteQuery, Uploaded], path: bytes) -> Entry:
    request = call.request
    condition = read_condition(request.headers)
    patience = Patience.of(call.settings, request)
    content_type = request.headers.get(hdrs.CONTENT_TYPE, "")
    body: bytes | AsyncIterator[bytes]
    if content_type.partition(";")[0].strip().lower() == "multipart/form-data":
        form = FormUpload(request, patience)
        body = await form.open()
        extra = read_extra(request.headers, form.content_type)
    else:
        extra = read_extra(request.headers, content_type or None)
        body = await open_upload(request, patience)
    return await objects.put_object(
        call.engine,
        call.repository,
        call.names["branch"],
        path,
        body,
        extra=extra,
        condition=condition,
        force=call.may_force(call.query.force),
    )


async def delete_object(call: Call[WriteQuery, NoBody]) -> Nothing:
    """Delete an object; nothing there is fine."""
    await objects.delete_object(
        call.engine,
        call.repository,
        call.names["branch"],
        check_path(call.query.path),
        condition=read_condition(call.request.headers),
        force=call.may_force(call.query.force),
    )
    return answer_nothing()


async def delete_objects(call: Call[ForceQuery, PathList]) -> Shown[ObjectErrorList]:
    """Delete up to 1,000 objects, all at once; nothing there is fine."""
    paths = call.body.paths
    if len(paths) > BATCH_PATHS_MAX:
        raise InvalidValueError("paths", f"at most {BATCH_PATHS_MAX} paths at once")
    await deleting.delete_objects(
        call.engine,
        call.repository,
        call.names["branch"],
        [Deletion(check_path(path)) for path in paths],
        force=call.may_force(call.query.force),
    )
    return answer(ObjectErrorList(errors=[]))


async def copy_object(call: Call[CopyQuery, ObjectCopy]) -> Created[ObjectStats]:
    """Copy an object; no bytes are copied.

    Raises:
        ObjectNotFoundError
    """
    body = call.body
    branch = call.names["branch"]
    source_ref = body.src_ref or branch
    source = await objects.stat_object(
        call.engine, call.repository, source_ref, check_path(body.src_path)
    )
    await call.observe(
        "body.src_ref" if body.src_ref else "branch",
        source.repository,
        (source.entry,),
        source.commit_id,
    )
    entry = await copies.copy_object(
        call.engine,
        call.repository,
        branch,
        check_path(call.query.dest_path),
        source=source,
        condition=read_condition(call.request.headers),
        force=call.may_force(body.force),
    )
    repository = await get_repository(call.engine, call.repository)
    return answer_created(show_object(repository.storage_namespace, entry))


async def move_objects(call: Call[NoQuery, ObjectMove]) -> Shown[ObjectMoveResult]:
    """Rename an object, or everything below a prefix; no bytes are copied.

    Raises:
        ObjectNotFoundError
    """
    body = call.body
    branch = call.names["branch"]
    if body.recursive:
        moved = await copies.move_prefix(
            call.engine,
            call.repository,
            branch,
            check_path(body.src_path),
            encode_path(body.dst_path),
        )
    else:
        await copies.move_object(
            call.engine,
            call.repository,
            branch,
            check_path(body.src_path),
            check_path(body.dst_path),
        )
        moved = 1
    return answer(ObjectMoveResult(moved=moved))


async def update_object_user_metadata(
    call: Call[PathQuery, UserMetadata],
) -> CreatedNothing:
    """Give an object other user metadata, in place of what it has.

    Raises:
        ObjectNotFoundError
    """
    metadata = call.body.set
    await update_extra(
        call.engine,
        call.repository,
        call.names["branch"],
        check_path(call.query.path),
        lambda extra: replace(extra, user_metadata=metadata),
    )
    return answer_created_nothing()

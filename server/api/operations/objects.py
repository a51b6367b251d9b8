"""Handlers that read and describe objects."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import hdrs
from lakebed.client.wire import (
    AMOUNT_MAX,
    BatchStat,
    BatchStatResult,
    Du,
    Measured,
    ObjectStats,
    Page,
    Proof,
    StatItem,
    UnderlyingProperties,
)
from msgspec.structs import replace

from ...auth.authenticate import Signer
from ...auth.authorize import Permission, authorize
from ...errors import InvalidValueError, LakeError, PermissionDeniedError
from ...httprules.whole import WholeAnswer
from ...repository import listings
from ...repository import objects as stored
from ...repository.listings import CommonPrefix
from ...repository.paths import check_path, encode_path
from ...repository.proving import prove
from ...repository.resolving import get_repository
from ...tree.entry import Entry
from ...tree.lookup import Measure
from ..answers import ObjectBytes, Shown, answer, answer_results
from ..call import Call, NoBody, NoQuery
from ..parameters import ObjectsQuery, PathQuery, PrefixQuery, ReadQuery, StatQuery
from ..presigning import get_signer, show_address
from ..reading import send_located
from ..shapes import show_object, show_prefix, show_proof


async def get_object(call: Call[ReadQuery, NoBody]) -> ObjectBytes:
    """Read an object, or a range of it.

    Raises:
        ObjectNotFoundError
        RangeNotSatisfiableError
    """
    located = await stored.stat_object(
        call.engine, call.repository, call.names["ref"], check_path(call.query.path)
    )
    if call.query.presign and not call.query.signature:
        signer = await get_signer(call)
        location = show_address(call, signer, call.query.path)
        return WholeAnswer(HTTPStatus.FOUND, {hdrs.LOCATION: location})
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
    located = await stored.stat_object(
        call.engine, call.repository, call.names["ref"], check_path(call.query.path)
    )
    shown = show_object(
        located.repository.storage_namespace,
        located.entry,
        with_metadata=call.query.user_metadata,
    )
    if call.query.presign:
        shown = _presign(call, await get_signer(call), shown)
    return answer(shown)


def _presign(call: Call[Any, Any], signer: Signer, shown: ObjectStats) -> ObjectStats:
    return replace(
        shown,
        physical_address=show_address(call, signer, shown.path),
        physical_address_expiry=signer.expires_s,
    )


async def list_objects(call: Call[ObjectsQuery, NoBody]) -> Shown[Page[ObjectStats]]:
    """List objects, or with a delimiter the common prefixes of their paths."""
    query = call.query
    signer = await get_signer(call) if query.presign else None
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
        shown = show_object(namespace, item, with_metadata=query.user_metadata)
        return shown if signer is None else _presign(call, signer, shown)

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


async def prove_object(call: Call[PathQuery, NoBody]) -> Shown[Proof]:
    """Prove which object is committed at a path, or that there is none.

    What is answered needs no trust in this server: it is checked against the id of the
    commit, without it. It shows the paths of neighbours too, and what is said of them.

    Raises:
        ExpiredDataError
    """
    path = call.query.path
    proof = await prove(
        call.engine, call.repository, call.names["ref"], check_path(path)
    )
    return answer(show_proof(proof))


async def measure_many(
    call: Call[NoQuery, BatchStat],
) -> Shown[BatchStatResult]:
    """Count the objects below many prefixes, and their bytes, at whatever refs.

    Answers in the order of the request. What cannot be said of one says so in its place:
    `ref-not-found`, `invalid-ref-expression`, `expired`, `permission-denied`.
    """
    items = call.body.items
    if len(items) > AMOUNT_MAX:
        raise InvalidValueError("items", f"at most {AMOUNT_MAX} items at once")
    results: list[Measure | LakeError | None] = [_refuse(call, each) for each in items]
    places = [(await call.see(each.ref), encode_path(each.prefix)) for each in items]
    open_at = [at for at, refused in enumerate(results) if refused is None]
    measures = await listings.measure_many(
        call.engine, call.repository, [places[at] for at in open_at]
    )
    for at, measure in zip(open_at, measures, strict=True):
        results[at] = measure
    shown = [
        _show_measure(item, result)
        for item, result in zip(items, results, strict=True)
        if result is not None
    ]
    return answer(BatchStatResult(results=shown))


def _refuse(call: Call[Any, Any], item: StatItem) -> LakeError | None:
    """Return why the caller may not read the ref of `item`; None if they may."""
    try:
        authorize(call.principal, Permission.READ, call.repository, item.ref)
    except PermissionDeniedError as error:
        return error
    return None


def _show_measure(item: StatItem, result: Measure | LakeError) -> Measured:
    if isinstance(result, LakeError):
        return Measured(
            ref=item.ref, prefix=item.prefix, code=result.code, message=str(result)
        )
    return Measured(
        ref=item.ref,
        prefix=item.prefix,
        object_count=result.entry_count,
        size_bytes=result.byte_total,
    )

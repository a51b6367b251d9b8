"""ListObjectsV2.

In a bucket `REPO` the part of a prefix before its first slash is a ref, and below it are
the objects of that ref; without a slash the refs themselves are listed. In a bucket
`REPO.REF` prefixes are of paths. A ref that does not exist has no keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web

from ..errors import InvalidRefExpressionError, RefNotFoundError
from ..ids import CommitId
from ..refs.expression import parse_expression
from ..repository.listings import CommonPrefix, Listing, list_objects
from ..repository.objects import etag_text
from ..repository.resolving import get_repository
from ..tree.entry import Entry
from .address import encode_key
from .buckets import require_bucket, show_owner, show_time
from .call import Call, invalid_argument
from .page_token import PageToken
from .root_listing import iter_refs
from .xml import Element

_SAFE = "/-._~"


@dataclass(frozen=True, slots=True)
class _Query:
    """What a listing asks."""

    prefix: str
    delimiter: str
    start_after: str
    token: PageToken | None
    keys_max: int
    is_encoded: bool
    with_owner: bool

    @classmethod
    def read(cls, call: Call) -> _Query:
        get = call.parameters.get
        token = get("continuation-token")
        encoding = get("encoding-type")
        if encoding not in (None, "", "url"):
            raise invalid_argument("encoding-type", encoding, "it must be 'url'")
        return cls(
            get("prefix", ""),
            get("delimiter", ""),
            get("start-after", ""),
            None if token is None else PageToken.decode(token),
            read_keys_max(call),
            encoding == "url",
            call.read_flag("fetch-owner"),
        )

    @property
    def after(self) -> str:
        """The key to go on behind; a token knows better than `start-after`."""
        return self.start_after if self.token is None else self.token.after

    def show(self, text: str) -> str:
        """Return a key as the client wants it."""
        return quote(text, safe=_SAFE) if self.is_encoded else text


@dataclass(frozen=True, slots=True)
class _Lines:
    """A page, in order."""

    objects: tuple[tuple[str, Entry], ...] = ()
    prefixes: tuple[str, ...] = ()
    next: PageToken | None = None


def read_keys_max(call: Call) -> int:
    """Return how many keys and prefixes the page may have.

    Raises:
        S3Error: it is no number.
    """
    text = call.parameters.get("max-keys", "")
    limit = call.gateway.settings.keys_max
    if not text:
        return limit
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise invalid_argument("max-keys", text, "it must be a number of 0 or more")
    return min(int(text), limit)


async def list_objects_v2(call: Call) -> web.StreamResponse:
    """Answer with a page of the objects of a bucket."""
    query = _Query.read(call)
    bucket = call.get_bucket()
    if query.keys_max == 0:
        await require_bucket(call)
        lines = _Lines()
    elif bucket.ref is not None:
        lines = await _list_ref(call, query, bucket.ref, "")
    elif "/" in query.prefix:
        ref = query.prefix.partition("/")[0]
        try:
            lines = await _list_ref(call, query, ref, f"{ref}/")
        except (RefNotFoundError, InvalidRefExpressionError):
            lines = _Lines()
    else:
        lines = await _list_root(call, query)
    return call.answer_document("ListBucketResult", _show(call, query, lines))


async def _list_root(call: Call, query: _Query) -> _Lines:
    repository = await get_repository(call.engine, call.get_bucket().repository)
    names = iter_refs(call.engine, repository, prefix=query.prefix, after=query.after)
    found: list[str] = []
    async for name in names:
        if len(found) == query.keys_max:
            return _Lines(prefixes=tuple(found), next=PageToken(found[-1]))
        found.append(f"{name}/")
    return _Lines(prefixes=tuple(found))


async def _list_ref(call: Call, query: _Query, ref: str, head: str) -> _Lines:
    """List the objects of `ref`, whose keys begin with `head`."""
    after = query.after
    if after > head and not after.startswith(head):
        if after.encode() > head.encode():
            return await _nothing(call, ref)
        after = ""
    pinned = None if query.token is None else query.token.commit_id
    listing = await list_objects(
        call.engine,
        call.get_bucket().repository,
        ref if pinned is None else pinned.hex(),
        prefix=encode_key(query.prefix.removeprefix(head)),
        after=after.removeprefix(head).encode() if after.startswith(head) else b"",
        delimiter=query.delimiter.encode(),
        limit=query.keys_max,
    )
    return _Lines(
        tuple(
            (head + item.path.decode(), item)
            for item in listing.items
            if isinstance(item, Entry)
        ),
        tuple(
            head + item.path.decode()
            for item in listing.items
            if isinstance(item, CommonPrefix)
        ),
        _next_token(listing, ref, head),
    )


async def _nothing(call: Call, ref: str) -> _Lines:
    await require_bucket(call)
    return _Lines()


def _next_token(listing: Listing, ref: str, head: str) -> PageToken | None:
    if listing.next_after is None:
        return None
    expression = parse_expression(ref)
    # A branch is followed, with what is staged on it; anything else names one commit.
    moves = expression.is_plain_name or expression.view == "staged"
    commit_id: CommitId | None = None if moves else listing.commit_id
    return PageToken(head + listing.next_after.decode(), commit_id)


def _show(call: Call, query: _Query, lines: _Lines) -> list[Element]:
    show = query.show
    elements: list[Element] = [
        ("Name", call.get_bucket().name),
        ("Prefix", show(query.prefix)),
    ]
    if query.delimiter:
        elements.append(("Delimiter", show(query.delimiter)))
    if query.is_encoded:
        elements.append(("EncodingType", "url"))
    if "continuation-token" in call.parameters:
        elements.append(("ContinuationToken", call.parameters["continuation-token"]))
    if query.start_after:
        elements.append(("StartAfter", show(query.start_after)))
    elements += [
        ("KeyCount", str(len(lines.objects) + len(lines.prefixes))),
        ("MaxKeys", str(query.keys_max)),
        ("IsTruncated", "false" if lines.next is None else "true"),
    ]
    if lines.next is not None:
        elements.append(("NextContinuationToken", lines.next.encode()))
    owner: list[Element] = [("Owner", show_owner(call))] if query.with_owner else []
    elements += [
        (
            "Contents",
            [
                ("Key", show(key)),
                ("LastModified", show_time(entry.mtime_ms)),
                ("ETag", f'"{etag_text(entry)}"'),
                ("Size", str(entry.size_bytes)),
                *owner,
                ("StorageClass", "STANDARD"),
            ],
        )
        for key, entry in lines.objects
    ]
    elements += [
        ("CommonPrefixes", [("Prefix", show(prefix))]) for prefix in lines.prefixes
    ]
    return elements

"""What all listings of objects share: what is asked, and the page that answers it.

In a bucket `REPO` the part of a prefix before its first slash is a ref, and below it are
the objects of that ref; without a slash the refs themselves are listed. In a bucket
`REPO.REF` prefixes are of paths. A ref that does not exist has no keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from ..errors import InvalidRefExpressionError, RefNotFoundError
from ..ids import CommitId
from ..provenance.views import Use
from ..refs.expression import parse_expression
from ..repository.listings import CommonPrefix, Listing, list_objects
from ..repository.objects import etag_text
from ..repository.resolving import get_repository
from ..tree.entry import Entry
from .address import encode_key
from .buckets import require_bucket, show_time
from .call import Call, invalid_argument
from .object_headers import storage_class_of
from .page_token import PageToken
from .root_listing import iter_refs
from .xml import Element

_SAFE = "/-._~"


@dataclass(frozen=True, slots=True)
class Query:
    """What a listing asks, in whatever version of the protocol."""

    prefix: str
    delimiter: str
    after: str
    """The key, or common prefix, to go on behind."""
    pinned: CommitId | None
    """The commit of the first page, if the listing is of one state."""
    keys_max: int
    is_encoded: bool

    @classmethod
    def read(cls, call: Call, *, after: str, pinned: CommitId | None = None) -> Query:
        """Return the query of `call`, which goes on behind `after`.

        An empty parameter is one that is not there: clients send both.

        Raises:
            S3Error: a parameter is malformed.
        """
        get = call.parameters.get
        encoding = get("encoding-type")
        if encoding not in (None, "", "url"):
            raise invalid_argument("encoding-type", encoding, "it must be 'url'")
        return cls(
            get("prefix", ""),
            get("delimiter", ""),
            after,
            pinned,
            read_keys_max(call),
            encoding == "url",
        )

    def show(self, text: str) -> str:
        """Return a key as the client wants it."""
        return quote(text, safe=_SAFE) if self.is_encoded else text

    def show_common(self, call: Call) -> list[Element]:
        """Return the elements that say what was asked."""
        elements: list[Element] = [
            ("Name", call.get_bucket().name),
            ("Prefix", self.show(self.prefix)),
            ("MaxKeys", str(self.keys_max)),
        ]
        if self.delimiter:
            elements.append(("Delimiter", self.show(self.delimiter)))
        if self.is_encoded:
            elements.append(("EncodingType", "url"))
        return elements


@dataclass(frozen=True, slots=True)
class Lines:
    """A page, in order."""

    objects: tuple[tuple[str, Entry], ...] = ()
    prefixes: tuple[str, ...] = ()
    next: PageToken | None = None
    commit_id: CommitId | None = None
    """The commit read, beneath what is staged; None if none was."""
    staged_paths: frozenset[bytes] = frozenset()

    def show_truncation(self) -> Element:
        """Return the element that says whether more follows."""
        return ("IsTruncated", "false" if self.next is None else "true")

    def show_prefixes(self, query: Query) -> list[Element]:
        """Return the elements of the common prefixes."""
        return [
            ("CommonPrefixes", [("Prefix", query.show(prefix))])
            for prefix in self.prefixes
        ]


def read_keys_max(call: Call) -> int:
    """Return how many keys and prefixes the page may have.

    Raises:
        S3Error: it is no number.
    """
    limit = call.gateway.settings.keys_max
    return read_limit(call, "max-keys", limit)


def read_limit(call: Call, name: str, limit: int) -> int:
    """Return how many items a page may have: what the parameter `name` says or `limit`.

    Raises:
        S3Error: it is no number.
    """
    text = call.parameters.get(name, "")
    if not text:
        return limit
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        raise invalid_argument(name, text, "it must be a number of 0 or more")
    return min(int(text), limit)


async def find_lines(call: Call, query: Query) -> Lines:
    """Return the page that `query` asks of the bucket.

    Raises:
        RepositoryNotFoundError
        RefNotFoundError, InvalidRefExpressionError: of a bucket `REPO.REF`.
    """
    bucket = call.get_bucket()
    if query.keys_max == 0:
        await require_bucket(call)
        return Lines()
    if bucket.ref is not None:
        return await _list_ref(call, query, bucket.ref, "")
    if "/" not in query.prefix:
        return await _list_root(call, query)
    ref = query.prefix.partition("/")[0]
    try:
        return await _list_ref(call, query, ref, f"{ref}/")
    except (RefNotFoundError, InvalidRefExpressionError):
        return Lines()


async def _list_root(call: Call, query: Query) -> Lines:
    repository = await get_repository(call.engine, call.get_bucket().repository)
    names = iter_refs(call.engine, repository, prefix=query.prefix, after=query.after)
    found: list[str] = []
    async for name in names:
        if not call.may_read(repository.name, name):
            continue
        if len(found) == query.keys_max:
            return Lines(prefixes=tuple(found), next=PageToken(found[-1]))
        found.append(f"{name}/")
    return Lines(prefixes=tuple(found))


async def _list_ref(call: Call, query: Query, ref: str, head: str) -> Lines:
    """List the objects of `ref`, whose keys begin with `head`."""
    after = query.after
    if after > head and not after.startswith(head):
        if after.encode() > head.encode():
            return await _nothing(call, ref)
        after = ""
    repository = call.get_bucket().repository
    pinned = query.pinned
    seen = await call.see(repository, ref, Use.READ)
    # Whoever may not read commits by their id could have written one into the token.
    if pinned is not None and not call.may_read(repository, pinned.hex()):
        pinned = None
    listing = await list_objects(
        call.engine,
        repository,
        seen.ref if pinned is None else pinned.hex(),
        prefix=encode_key(query.prefix.removeprefix(head)),
        after=after.removeprefix(head).encode() if after.startswith(head) else b"",
        delimiter=query.delimiter.encode(),
        limit=query.keys_max,
    )
    return Lines(
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
        _next_token(listing, repository, seen.ref, head),
        listing.commit_id,
        listing.staged_paths,
    )


async def _nothing(call: Call, ref: str) -> Lines:
    await require_bucket(call)
    return Lines()


def _next_token(
    listing: Listing, repository: str, ref: str, head: str
) -> PageToken | None:
    if listing.next_after is None:
        return None
    expression = parse_expression(ref, repository=repository)
    # A branch is followed, with what is staged on it; anything else names one commit.
    moves = expression.is_plain_name or expression.view == "staged"
    commit_id: CommitId | None = None if moves else listing.commit_id
    return PageToken(head + listing.next_after.decode(), commit_id)


def show_object(query: Query, key: str, entry: Entry, *more: Element) -> list[Element]:
    """Return the elements that tell of an object, with `more` before the last."""
    return [
        ("Key", query.show(key)),
        ("LastModified", show_time(entry.mtime_ms)),
        ("ETag", f'"{etag_text(entry)}"'),
        ("Size", str(entry.size_bytes)),
        *more,
        ("StorageClass", storage_class_of(entry)),
    ]

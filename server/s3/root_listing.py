"""The root of a repository's bucket: its branches and tags, as common prefixes.

S3 orders by the bytes of the whole key, and a ref `a` is the prefix `a/` there: `a-b/`
and `a.b/` come before `a/`, although `a` comes before them as a name. The names below
`a-` and `a.` follow `a` directly in the order of names, because `-` and `.` are the two
signs of names that sort before the slash. So a name is held back until they have passed.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator

from ..refs.store import Branch, Repository
from ..repository.branches import list_branches
from ..repository.engine import Engine
from ..repository.paging import PAGE_LIMIT_MAX
from ..repository.tags import list_tags

_BEFORE_SLASH = ("-", ".")


async def iter_refs(
    engine: Engine, repository: Repository, *, prefix: str, after: str
) -> AsyncIterator[str]:
    """Yield the names of refs that begin with `prefix`, in the order of `NAME/`.

    Args:
        engine: where.
        repository: whose refs.
        prefix: of the names; has no slash.
        after: only what comes behind this key, as S3 says it: `NAME/` leaves the ref
            out, `NAME` or `NAME/PATH` do not.
    """
    name, slash, rest = after.partition("/")
    held: list[str] = []
    for stop, sign in enumerate(name):
        if sign in _BEFORE_SLASH and await _is_listed(
            engine, repository, name[:stop], prefix
        ):
            held.append(name[:stop])
    whole = not slash or bool(rest)
    if whole and await _is_listed(engine, repository, name, prefix):
        held.append(name)
    # Behind `NAME/` also what begins with `NAME-` is behind us, though its name is not.
    start = f"{name}/" if slash else name
    async for next_name in _iter_by_name(engine, repository.name, prefix, start):
        while held and not next_name.startswith(
            tuple(held[-1] + sign for sign in _BEFORE_SLASH)
        ):
            yield held.pop()
        held.append(next_name)
    while held:
        yield held.pop()


async def _is_listed(
    engine: Engine, repository: Repository, name: str, prefix: str
) -> bool:
    if not name or not name.startswith(prefix):
        return False
    ref = await engine.metadata.find_ref(repository.id, name)
    return ref is not None and not (isinstance(ref, Branch) and ref.hidden)


async def _iter_by_name(
    engine: Engine, repository: str, prefix: str, after: str
) -> AsyncIterator[str]:
    """Yield branches and tags, merged, by name."""
    while True:
        branches = await list_branches(
            engine, repository, prefix=prefix, after=after, limit=PAGE_LIMIT_MAX
        )
        tags = await list_tags(
            engine, repository, prefix=prefix, after=after, limit=PAGE_LIMIT_MAX
        )
        names = heapq.merge(
            [branch.name for branch in branches.items], [tag.name for tag in tags.items]
        )
        # What lies behind the end of the shorter page may be on its next one.
        ends = (branches.next_after, tags.next_after)
        stop = min((end for end in ends if end is not None), default=None)
        for name in names:
            if stop is not None and name > stop:
                break
            yield name
        if stop is None:
            return
        after = stop

"""Pages with a filter have what it shows, in order, and none of them reads without end."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.repository import paging
from lakebed.server.repository.paging import (
    PAGE_LIMIT_MAX,
    PAGES_SCANNED_MAX,
    read_page,
)


class Names:
    """A listing of names that counts what is read of it."""

    def __init__(self, names: list[str]) -> None:
        self.names = sorted(names)
        self.reads = 0

    async def read(self, after: str, limit: int) -> list[str]:
        self.reads += 1
        return [name for name in self.names if name > after][:limit]


@given(
    st.lists(st.text("abc", min_size=1, max_size=4), unique=True),
    st.sets(st.sampled_from("abc")),
    st.integers(1, 5),
)
async def test_pages_joined_are_what_the_filter_shows(
    names: list[str], initials: set[str], limit: int
) -> None:
    listing = Names(names)
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await read_page(
            listing.read,
            str,
            after=after,
            limit=limit,
            is_shown=lambda name: name[0] in initials,
        )
        assert len(page.items) <= limit
        found += page.items
        after = page.next_after

    assert found == [name for name in sorted(names) if name[0] in initials]


async def test_a_page_looks_at_so_many_and_says_where_it_stopped() -> None:
    count = PAGE_LIMIT_MAX * (PAGES_SCANNED_MAX + 2)
    listing = Names([f"{number:08}" for number in range(count)])
    wanted = listing.names[-1]

    async def read(after: str) -> paging.Page[str]:
        return await read_page(
            listing.read, str, after=after, limit=5, is_shown=wanted.__eq__
        )

    first = await read("")
    assert first.next_after is not None
    reads = listing.reads
    second = await read(first.next_after)

    assert (first.items, reads) == ((), PAGES_SCANNED_MAX)
    assert (second.items, second.next_after) == ((wanted,), None)


async def test_without_a_filter_a_page_is_one_read() -> None:
    listing = Names(["a", "b", "c"])

    page = await read_page(listing.read, str, after="", limit=2, is_shown=None)

    assert (page.items, page.next_after, listing.reads) == (("a", "b"), "b", 1)

"""The page on REST lists each route of the table, and says which happen once."""

from __future__ import annotations

import re
from pathlib import Path

from lakebed.client.wire import routes as paths
from lakebed.server.api.routes import ROUTES

PAGE = Path(__file__).parents[2] / "docs" / "rest.md"
ROW = re.compile(r"^\| `([A-Z]+) (/\S*)` \|(.*)\|$", re.MULTILINE)


def documented() -> dict[tuple[str, str], str]:
    """Return what the page says of each method and path."""
    head, _, rest = PAGE.read_text().partition("What follows is below")
    rows = {(method, path): text for method, path, text in ROW.findall(head)}
    below = paths.REPOSITORY.removeprefix(paths.BASE)
    rows |= {(method, below + path): text for method, path, text in ROW.findall(rest)}
    return rows


def test_the_page_lists_each_route_and_no_other() -> None:
    table = {
        (route.method, route.template.removeprefix(paths.BASE)) for route in ROUTES
    }

    assert set(documented()) == table


def test_the_page_says_what_happens_once() -> None:
    once = {
        (route.method, route.template.removeprefix(paths.BASE))
        for route in ROUTES
        if route.is_idempotent
    }

    assert {row for row, text in documented().items() if "*once*" in text} == once

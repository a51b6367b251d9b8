"""Both clients have the same handles, and the blocking ones are made from the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import lakebed.client as client
import pytest

from support.generators import blocking as making

PAIRS = [
    (getattr(client, name), getattr(client, f"Async{name}"))
    for name in (
        *("Lake", "Repository", "Ref", "Tag", "Branch", "Transaction", "Run", "Model"),
    )
]


def surface(kind: type[Any]) -> dict[str, Any]:
    return {
        name: member
        for name, member in inspect.getmembers_static(kind)
        if not name.startswith("_")
        or name in ("__repr__", "_repr_html_", "__eq__", "__hash__", "__reduce__")
    }


def test_what_is_made_is_what_would_be_made() -> None:
    stale = [
        path.name for path, text in making.twins().items() if path.read_text() != text
    ]

    assert stale == [], "run: python3 tasks.py blocking"
    made = {path.name for path in making.TARGET.glob("*.py")}
    assert made == {path.name for path in making.twins()} | making.BY_HAND


@pytest.mark.parametrize(("blocking", "awaited"), PAIRS)
def test_both_have_the_same_methods_with_the_same_parameters(
    blocking: type[Any], awaited: type[Any]
) -> None:
    ours, theirs = surface(blocking), surface(awaited)

    assert set(ours) == set(theirs)
    for name, method in ours.items():
        if not inspect.isfunction(method):
            continue
        assert parameters(method) == parameters(theirs[name]), name
        if not name.startswith("_"):
            said = (inspect.getdoc(theirs[name]) or "").replace("Async", "")
            assert inspect.getdoc(method) == said, name


def parameters(method: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    return [
        (each.name, each.kind, each.default)
        for each in inspect.signature(method).parameters.values()
    ]


@pytest.mark.parametrize("name", ["connect"])
def test_both_are_made_with_the_same(name: str) -> None:
    assert parameters(client.connect) == parameters(client.connect_async)


def test_every_name_that_is_promised_is_there() -> None:
    for name in client.__all__:
        assert getattr(client, name) is not None

"""The reference of the Python client is made from its docstrings, and is current."""

from __future__ import annotations

import inspect
from typing import Any

import lakebed.client as client
import pytest

from support.generators import reference


def test_the_page_is_what_would_be_made() -> None:
    made, there = reference.make_page(), reference.PAGE.read_text()

    assert made == there, "run: python3 tasks.py docs"


@pytest.mark.parametrize(
    "kind",
    [
        client.Lake,
        client.Repository,
        client.Ref,
        client.Tag,
        client.Branch,
        client.Model,
    ],
)
def test_every_method_of_a_handle_is_on_the_page(kind: type[Any]) -> None:
    page = reference.PAGE.read_text()

    for name, member in vars(kind).items():
        is_public = not name.startswith("_") and name not in reference.INTERNAL
        if inspect.isfunction(member) and is_public:
            assert f"#### {kind.__name__}.{name}\n" in page


def test_every_operation_of_the_flat_client_is_on_the_page() -> None:
    page = reference.PAGE.read_text()

    for name, _ in inspect.getmembers(client.Client, inspect.isfunction):
        if not name.startswith("_") and name != "close":
            assert f"| `{name}` |" in page

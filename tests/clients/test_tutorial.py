"""The tutorial on models does what it shows, with scikit-learn."""

from __future__ import annotations

import pytest

from support.tutorial import blocks, run_tutorial, shape


@pytest.fixture(scope="module")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return run_tutorial(tmp_path_factory.mktemp("tutorial"))


def test_the_page_shows_what_happens(sessions: list[str]) -> None:
    """If it does not: PYTHONPATH=tests .venv-clients/bin/python -m support.tutorial."""
    shown = [text for kind, text in blocks() if kind == "console"]

    assert [shape(text) for text in sessions] == [shape(text) for text in shown]


def test_nothing_on_the_page_fails(sessions: list[str]) -> None:
    whole = "".join(sessions)

    assert "error:" not in whole
    assert "Traceback" not in whole


def test_the_model_comes_out_the_same(sessions: list[str]) -> None:
    (again,) = [text for text in sessions if text.startswith("$ lakebed rerun")]

    assert "identical, 1 output compared" in again


def test_it_is_in_production_again_what_was_before(sessions: list[str]) -> None:
    (rolled_back,) = [text for text in sessions if "model rollback" in text]

    assert "is back at version 1" in rolled_back

"""The README shows what really happens."""

from __future__ import annotations

import pytest

from support.readme_session import commands_of, read_session, run_session, shape


@pytest.fixture(scope="module")
def session() -> str:
    return read_session()


def test_the_session_is_that_of_a_real_run(session: str) -> None:
    """If it is not: PYTHONPATH=tests .venv/bin/python -m support.readme_session."""
    assert shape(run_session(commands_of(session))) == shape(session)


def test_the_session_fits_the_page(session: str) -> None:
    assert max(map(len, session.splitlines())) <= 120

"""A lake for each long run, and room for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Path]:
    """Yield where a lake may be; it goes at once: pytest would keep three of them."""
    directory = tmp_path / "lake"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)

"""Reading in threads, and what a stop does to it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from lakebed.server.errors import BusyError
from lakebed.server.ids import Kind

from support.databases import lake_directory, open_metadata


@pytest.fixture
def directory() -> Iterator[Path]:
    with lake_directory() as path:
        yield path


def test_a_look_up_after_the_stop_is_refused_and_does_not_wait(
    directory: Path,
) -> None:
    """An upload whose client has gone still runs in its thread, and keeps it alive."""
    with open_metadata(directory) as metadata:
        pass

    with ThreadPoolExecutor(1) as threads:
        late = threads.submit(metadata.find_blocking, Kind.CHUNK, [bytes(32)])
        with pytest.raises(BusyError, match="stopping"):
            late.result(timeout=10)

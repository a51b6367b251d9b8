"""The suites that fsspec keeps for its implementations."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fsspec.tests import abstract
from lakebed.client.fs import LakebedFileSystem


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs_path(self, root: str) -> str:
        return root

    @pytest.fixture
    def fs(self, lakebed_fs: LakebedFileSystem) -> LakebedFileSystem:
        return lakebed_fs

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class TestCopy(abstract.AbstractCopyTests, Fixtures):
    pass


class TestGet(abstract.AbstractGetTests, Fixtures):
    pass


class TestPut(abstract.AbstractPutTests, Fixtures):
    pass


class TestPipe(abstract.AbstractPipeTests, Fixtures):
    pass


class TestOpen(abstract.AbstractOpenTests, Fixtures):
    pass

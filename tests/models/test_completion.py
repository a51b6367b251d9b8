"""Names of models, their versions and aliases, completed by a real bash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.s3server import ADMIN_ENVIRONMENT, ServerProcess
from support.terminals import BASH, Terminal


@pytest.fixture
def terminal(server: ServerProcess, tmp_path: Path) -> Iterator[Terminal]:
    environment = {
        "LAKEBED_SERVER": server.url,
        "XDG_CONFIG_HOME": str(tmp_path / "configuration"),
        **ADMIN_ENVIRONMENT,
    }
    opened = Terminal(environment, tmp_path)
    yield opened
    opened.close()


@pytest.mark.skipif(BASH is None, reason="there is no bash here")
def test_bash_completes_what_stands_behind_an_at_sign(terminal: Terminal) -> None:
    terminal.complete("lakebed model show fr", "lakebed model show fraud ")
    terminal.complete("lakebed model show fraud@pr", "lakebed model show fraud@prod ")
    terminal.complete(
        "lakebed ls lakebed://models/fraud@p", "lakebed ls lakebed://models/fraud@prod/"
    )
    terminal.complete(
        "lakebed cat models/fraud@1/w", "lakebed cat models/fraud@1/weights.bin "
    )
    offered = terminal.offers("lakebed model delete fraud@")
    assert all(name in offered for name in (b"1", b"2", b"prod"))

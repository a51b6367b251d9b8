"""The page on serving has every option, limit and figure, and each as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lakebed.cli.main import run
from lakebed.server.arguments import LIMITS, read_arguments
from lakebed.server.serving.metrics import LakeCollector
from lakebed.server.serving.snapshot import Snapshot
from lakebed.server.supervising.tally import Tally

PAGE = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()


def options_of(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))


def test_the_page_has_each_limit_with_its_default() -> None:
    rows = re.findall(r"^\| `([a-z_0-9]+)` \| ([0-9]+) \|", PAGE, re.MULTILINE)

    assert {name: float(value) for name, value in rows} == {
        name: float(value) for name, value in LIMITS.items()
    }


def test_the_page_has_the_options_of_both_commands(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        read_arguments(["--help"])
    of_server = options_of(capsys.readouterr().out) - {"--help", "--version"}
    assert run(["serve", "--help"]) == 0
    of_command = options_of(capsys.readouterr().out) - {"--help"}

    assert of_command == of_server
    assert of_server == options_of(PAGE)


def test_the_page_has_the_figures_of_requests_and_of_workers() -> None:
    families = [
        *LakeCollector(Snapshot({}, {}, [])).collect(),
        *LakeCollector(Tally(2).total(2)).collect(),
    ]

    for family in families:
        assert f"`{family.name}" in PAGE, family.name

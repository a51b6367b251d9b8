"""The page on the command line is that of the commands there are."""

from __future__ import annotations

import re

from lakebed.cli.exits import ExitCode

from support.cli_page import MARK, PAGE, iter_commands, render_reference


def test_the_reference_is_current() -> None:
    """If it is not: PYTHONPATH=tests .venv/bin/python -m support.cli_page."""
    assert PAGE.read_text().partition(MARK)[2] == f"\n{render_reference()}"


def test_every_command_and_option_says_what_it_is_for() -> None:
    for name, command in iter_commands():
        assert command.help, name
        for parameter in command.params:
            assert parameter.help, (name, parameter.name)


def test_the_page_lists_each_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \| ", PAGE.read_text(), re.MULTILINE)

    assert [int(row) for row in rows] == sorted(ExitCode)

"""The client waits for nothing that it does not use, and never imports the server."""

from __future__ import annotations

import subprocess
import sys

import pytest


def modules_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_importing_the_client_imports_no_http_library() -> None:
    assert "aiohttp" not in modules_after("import lakebed.client")


def test_the_help_page_waits_for_neither_http_nor_tables() -> None:
    program = (
        "import lakebed.cli.main as m, io, contextlib\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n    m.run(['--help'])"
    )

    loaded = modules_after(program)

    assert loaded & {"aiohttp", "msgspec", "rich", "asyncio", "pydantic"} == set()


def test_a_command_waits_for_no_other() -> None:
    loaded = modules_after("import lakebed.cli.main as m\nm.run(['ls', 'no address'])")

    commands = {name for name in loaded if name.startswith("lakebed.cli.commands.")}
    assert commands == {"lakebed.cli.commands.looking"}


@pytest.mark.parametrize(
    "statement",
    ["from lakebed.client import AsyncClient, Client", "import lakebed.cli.main"],
)
def test_nothing_of_the_server_is_imported(statement: str) -> None:
    loaded = modules_after(statement)

    assert not [name for name in loaded if name.startswith("lakebed.server")]

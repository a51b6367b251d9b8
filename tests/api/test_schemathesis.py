"""schemathesis asks for every operation whatever the document allows, and what it does not.

It holds each answer to the document, and looks for answers of 500 and more. It runs in a
process of its own, as its users run it, against a server as users start it.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from aiohttp import ClientSession, encode_basic_auth, hdrs

from support.engines import open_engine
from support.s3server import ADMIN, ServerProcess, run_server
from support.story import Teller, tell_of_models

TOOL = Path(sys.executable).with_name("schemathesis")
# What is left out: whether everything that the document allows is taken. What the lake is
# decides too, and a branch without changes refuses a commit with 400.
CHECKS_LEFT_OUT = "positive_data_acceptance"
ENDS = ("deleteRepository", "deleteBranch", "deleteTag", "deleteUser")
"""What ends the story for the other operations; they are tried afterwards."""
# 501 is what the document says of what is not built yet; 413 and 431, that it is too long.
CONFIGURATION = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "501"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "431", "501"]
"""


@pytest.fixture
def server(tmp_path: Path) -> Generator[ServerProcess]:
    # On a port that speaks S3 too, what is too long to be read is refused in XML.
    arguments = ("--s3-listen", "127.0.0.1:0")
    asyncio.run(_tell_of_models(tmp_path / "lake"))
    with run_server(tmp_path / "lake", *arguments) as running:
        asyncio.run(_tell(running.url))
        yield running


async def _tell_of_models(directory: Path) -> None:
    async with open_engine(directory) as engine:
        await tell_of_models(engine)


async def _tell(url: str) -> None:
    headers = {hdrs.AUTHORIZATION: encode_basic_auth(ADMIN.id, ADMIN.secret)}
    async with ClientSession(url, headers=headers) as session:
        await Teller(session).tell()


def run_tool(server: ServerProcess, folder: Path, *arguments: str) -> None:
    """Run schemathesis; fail with what it says if it finds something."""
    settings = folder / "schemathesis.toml"
    settings.write_text(CONFIGURATION)
    done = subprocess.run(
        [
            TOOL,
            f"--config-file={settings}",
            "run",
            f"{server.url}/openapi.json",
            f"--auth={ADMIN.id}:{ADMIN.secret}",
            f"--exclude-checks={CHECKS_LEFT_OUT}",
            "--continue-on-failure",
            "--no-shrink",
            "--warnings=off",
            *arguments,
        ],
        cwd=folder,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, _shorten(done.stdout) + done.stderr[-2_000:]


def run_everything(server: ServerProcess, folder: Path, *arguments: str) -> None:
    without = [f"--exclude-operation-id={name}" for name in ENDS]
    only = [f"--include-operation-id={name}" for name in ENDS]
    run_tool(server, folder, *arguments, *without)
    run_tool(server, folder, *arguments, *only)


def test_what_is_allowed_and_what_is_not_is_answered_as_the_document_says(
    server: ServerProcess, tmp_path: Path
) -> None:
    phases = "--phases=examples,coverage,fuzzing"

    run_everything(server, tmp_path, phases, "--max-examples=2", "--seed=1")


@pytest.mark.long
def test_much_of_it_is_answered_as_the_document_says(
    server: ServerProcess, tmp_path: Path
) -> None:
    """And so are requests that follow from the answers to others."""
    phases = "--phases=examples,coverage,fuzzing,stateful"

    run_everything(server, tmp_path, phases, "--max-examples=100")


def _shorten(text: str) -> str:
    return "\n".join(line[:500] for line in text.splitlines())

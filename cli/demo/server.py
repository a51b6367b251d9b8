"""A server of the demo's own: on a free loopback port, over a directory, with a key."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..commands.serving import server_command
from ..exits import CommandError

START_TIMEOUT_S = 30.0
"""Longest start that we wait for; a slow machine takes three seconds."""
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05
LOG_LINES_SHOWN = 5


class DemoServerError(CommandError):
    """The demo's server did not start."""


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    """What a shell needs to talk to it, S3 clients included."""

    def stop(self) -> None:
        """Stop the server and wait for it; again is nothing."""
        if self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_server(directory: Path, log: Path) -> DemoServer:
    """Start a server over the new `directory`; it writes to the file `log`.

    It has a session of its own, so that Ctrl-C reaches the demo alone, which then
    stops it in good order.

    Raises:
        DemoServerError: it ended, or did not answer in time.
    """
    port = _find_free_port()
    url = f"http://127.0.0.1:{port}"
    # Lengths as those of AWS, which some clients insist on.
    key_id, secret = f"LKDEMO{secrets.token_hex(7).upper()}", secrets.token_urlsafe(30)
    environment = {
        "LAKEBED_SERVER": url,
        "LAKEBED_ACCESS_KEY_ID": key_id,
        "LAKEBED_SECRET_ACCESS_KEY": secret,
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_DEFAULT_REGION": "us-east-1",
        # The key is here: nobody needs to ask a cloud for another.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    with log.open("ab") as output:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            server_command(
                directory,
                {
                    "--listen": f"127.0.0.1:{port}",
                    "--init-admin": True,
                    # One person asks, one thing at a time.
                    "--workers": "1",
                },
            ),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **environment},
            start_new_session=True,
        )
    server = DemoServer(url, process, environment)
    try:
        asyncio.run(_wait_until_ready(server, log))
    except BaseException:
        server.stop()
        raise
    return server


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _wait_until_ready(server: DemoServer, log: Path) -> None:
    from lakebed.client import NO_RETRIES, AsyncClient, ServerUnreachableError

    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + START_TIMEOUT_S
    async with AsyncClient(server.url, retries=NO_RETRIES) as lake:
        while True:
            try:
                await lake.check_health()
            except ServerUnreachableError:
                if server.process.poll() is not None:
                    raise DemoServerError(
                        f"the server did not start: {_last_words(log)}"
                    ) from None
                if loop.time() > give_up_at:
                    raise DemoServerError(
                        f"the server did not answer within {START_TIMEOUT_S:g} s: "
                        f"{_last_words(log)}"
                    ) from None
                await asyncio.sleep(POLL_S)
            else:
                return


def _last_words(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return " / ".join(lines[-LOG_LINES_SHOWN:]) or "it said nothing"

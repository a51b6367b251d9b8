"""A server in a thread of this process: one whose settings and code a test may change."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from lakebed.server.app import Application
from lakebed.server.errors import DurabilityLostError
from lakebed.server.settings import Role, Settings

from support.s3server import ADMIN, START_S_MAX, ServerProcess


class _Worker:
    """The loop of the thread."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self.is_ready = threading.Event()
        self.port = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            uvloop.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - the test gets it
            self.failure = error
        finally:
            self.is_ready.set()

    def stop(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._stop.set)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()

        def fail(error: DurabilityLostError) -> None:
            self.failure = error

        application = await Application.open(
            self._directory, self._settings, on_fatal=fail
        )
        try:
            await application.auth.set_up_first_user("admin", ADMIN)
            factory = application.listen(Role())
            listener = await self._loop.create_server(factory, "127.0.0.1", 0)
            self.port = listener.sockets[0].getsockname()[1]
            self.is_ready.set()
            await self._stop.wait()
            listener.close()
            await application.stop()
        finally:
            await application.close()


@contextmanager
def run_local(
    directory: Path, settings: Settings | None = None
) -> Generator[ServerProcess]:
    """Run a server over `directory` in a thread, with the user `admin`."""
    worker = _Worker(directory, settings or Settings())
    thread = threading.Thread(target=worker.run, name="server")
    thread.start()
    try:
        assert worker.is_ready.wait(START_S_MAX)
        if worker.failure is not None:
            raise worker.failure
        no_process: Any = None  # there is nothing to kill
        yield ServerProcess(no_process, f"http://127.0.0.1:{worker.port}", "")
    finally:
        if worker.port:
            worker.stop()
        thread.join(START_S_MAX)
        assert not thread.is_alive()

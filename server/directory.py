"""Serves a directory inside of the process that asks: the command line's, most of all.

The same application as the server's, on a Unix socket in a private directory, with a
random token that lets whoever opened it ask as administrator under the name that the
operating system knows them by: whoever can open the directory (mode 0700) owns it.
No background jobs run here, and several processes may have one directory open.

Found by the client through the entry point `lakebed.directory`, so that the client needs
no import of the server.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .app import Application
from .auth.authenticate import TOKEN_HEADER, DirectoryToken
from .auth.names import owner_name
from .auth.principal import Principal
from .errors import DurabilityLostError, StartupError
from .metadata.directory import DATABASE
from .settings import Role, Settings

log = logging.getLogger(__name__)

_SOCKET_PATH_BYTES_MAX = 100
"""The kernel takes 107; a longer temporary directory is passed over for /tmp."""
_SETTINGS = Settings(stop_s_max=5.0)
"""Whoever asked is gone at the end: nothing should run any more."""


_FOR_RUNS = Role(only_runs=True)


@dataclass(slots=True)
class OpenedDirectory:
    """A directory that is being served to this process."""

    socket_path: str
    headers: Mapping[str, str] = field(repr=False)
    """What every request must carry."""
    _application: Application = field(repr=False)
    _server: asyncio.Server | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def open_port(self) -> str:
        """Listen on 127.0.0.1 for who has the key of a run; return the URL.

        Everybody on this machine may connect there, so that nobody else is let in: not
        with other keys, and not without. It ends with the context.
        """
        async with self._opening:
            if self._server is None:
                self._server = await asyncio.get_running_loop().create_server(
                    self._application.listen(_FOR_RUNS), "127.0.0.1", 0
                )
        host, port = self._server.sockets[0].getsockname()
        return f"http://{host}:{port}"

    def close_port(self) -> None:
        """Accept nothing more there."""
        if self._server is not None:
            self._server.close()


@asynccontextmanager
async def open_directory(
    path: str | os.PathLike[str], *, create: bool = False
) -> AsyncGenerator[OpenedDirectory]:
    """Serve the lake in directory `path` on the running loop until the context ends.

    Args:
        path: the directory.
        create: make a lake there if there is none.

    Raises:
        StartupError: there is no lake, or it cannot be used.
    """
    directory = _find_lake(path, create=create)
    token = secrets.token_urlsafe(32)
    owner = Principal(owner_name(), is_admin=True, created_ms=0)
    application = await Application.open(
        directory,
        _SETTINGS,
        on_fatal=_report_fatal,
        directory_token=DirectoryToken(token, owner),
    )
    try:
        async with _listen(application) as (socket_path, ports):
            opened = OpenedDirectory(socket_path, {TOKEN_HEADER: token}, application)
            ports.callback(opened.close_port)
            yield opened
    finally:
        await application.close()


def _find_lake(path: str | os.PathLike[str], *, create: bool) -> Path:
    directory = Path(path).absolute()
    if not create and not (directory / DATABASE).exists():
        raise StartupError(
            f"cannot open '{directory}': no lake is there: make one with "
            "'lakebed serve DIR' or 'lakebed repo create', or check the path"
        )
    return directory


@asynccontextmanager
async def _listen(application: Application) -> AsyncGenerator[tuple[str, ExitStack]]:
    """Give where the application listens, and what is called before it stops."""
    folder = _make_private_folder()
    try:
        factory = application.listen(Role())
        socket_path = str(folder / "socket")
        loop = asyncio.get_running_loop()
        listener = await loop.create_unix_server(factory, socket_path)
        ports = ExitStack()
        try:
            yield socket_path, ports
        finally:
            listener.close()
            ports.close()
            await application.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_private_folder() -> Path:
    folder = tempfile.gettempdir()
    if len(os.fsencode(folder)) > _SOCKET_PATH_BYTES_MAX - 32:
        folder = "/tmp"  # noqa: S108 - only as the parent of a private folder
    return Path(tempfile.mkdtemp(prefix="lakebed-", dir=folder))


def _report_fatal(error: DurabilityLostError) -> None:
    """Log a failed fsync; every request after it fails too, and then the process ends."""
    log.critical("durability lost", extra={"error": str(error)})

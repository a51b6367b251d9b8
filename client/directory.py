"""Serve a directory inside this process, so that nobody needs a daemon to begin.

The client never imports the server. What serves directories is a plug-in, found under
the entry-point group `lakebed.directory`, which the extra `lakebed[server]` makes work:
an async context manager that takes the path and gives where it listens.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

from .errors import ClientError, ServerPartMissingError, ServerUnreachableError

GROUP = "lakebed.directory"


class OpenedDirectory(Protocol):
    """A directory that this process serves until its context ends."""

    @property
    def socket_path(self) -> str | Path:
        """The private Unix socket it listens on."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """What every request must carry."""
        ...

    async def open_port(self) -> str:
        """Let other processes of this machine ask too; return the URL.

        On 127.0.0.1, and only for who has the key of a run. Again is the same URL.
        """
        ...


class OpenDirectory(Protocol):
    """What the plug-in is."""

    def __call__(
        self, path: Path, *, create: bool
    ) -> AbstractAsyncContextManager[OpenedDirectory]:
        """Serve the directory `path`; `create` makes a lake there if there is none."""
        ...


@asynccontextmanager
async def open_directory(
    path: Path, *, create: bool
) -> AsyncGenerator[OpenedDirectory]:
    """Serve the directory `path` on the running loop until the context ends.

    With `create`, a lake is made there if there is none.

    Raises:
        ServerPartMissingError: the server part of lakebed is not installed.
        ServerUnreachableError: the directory cannot be served.
    """
    opener = _load_opener(path)
    async with AsyncExitStack() as stack:
        try:
            opened = await stack.enter_async_context(opener(path, create=create))
        except Exception as error:
            raise _explain(path, error) from error
        yield opened


def _load_opener(path: Path) -> OpenDirectory:
    for entry_point in entry_points(group=GROUP):
        try:
            return cast("OpenDirectory", entry_point.load())
        except ImportError as error:
            raise ServerPartMissingError(_how_to_install(path)) from error
    raise ServerPartMissingError(_how_to_install(path))


def _how_to_install(path: Path) -> str:
    return (
        f"cannot open directory '{path}': the server part is not installed; "
        "install it with: pip install 'lakebed[server]'"
    )


def _explain(path: Path, error: Exception) -> Exception:
    """Return `error` as one of ours if it was raised on purpose, else as it is.

    The server's errors carry a `code`, and that is all we know of them here.
    """
    code = getattr(error, "code", None)
    if isinstance(code, str) and not isinstance(error, ClientError):
        return ServerUnreachableError(str(error), code=code)
    if isinstance(error, OSError):
        reason = (error.strerror or str(error)).lower()
        return ServerUnreachableError(f"cannot open directory '{path}': {reason}")
    return error

"""Where the server is and who is asking: an URL or a directory, and an access key.

What the caller does not say comes from the environment: `LAKEBED_SERVER`,
`LAKEBED_ACCESS_KEY_ID`, `LAKEBED_SECRET_ACCESS_KEY`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from .errors import InvalidRequestError

DEFAULT_SERVER = "http://127.0.0.1:8000"

SERVER_VARIABLE = "LAKEBED_SERVER"
KEY_ID_VARIABLE = "LAKEBED_ACCESS_KEY_ID"
SECRET_VARIABLE = "LAKEBED_SECRET_ACCESS_KEY"  # noqa: S105 - a name, no secret


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A server that listens somewhere."""

    url: str
    """Scheme and host, perhaps a path, without a slash at the end."""

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True, slots=True)
class ServerDirectory:
    """A directory, to be served in this process."""

    path: Path
    may_create: bool = False
    """Whether a lake is made there if there is none."""

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A key, as HTTP Basic sends it."""

    id: str
    secret: str = field(repr=False)


def parse_server(
    server: str | Path | None, *, may_create: bool = False
) -> ServerUrl | ServerDirectory:
    """Return what `server` names; None asks the environment, then the default.

    A directory that `may_create` is made if it is not there.

    Raises:
        InvalidRequestError: it is neither an URL nor can it be a directory.
    """
    if isinstance(server, Path):
        return ServerDirectory(server, may_create)
    if server is None:
        server = os.environ.get(SERVER_VARIABLE) or DEFAULT_SERVER
    if "://" not in server:
        return ServerDirectory(_parse_directory(server), may_create)
    try:
        parts = urlsplit(server)
        _ = parts.port
    except ValueError as error:
        raise InvalidRequestError(f"cannot use server '{server}': {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidRequestError(
            f"cannot use server '{server}': give an http or https URL, or a directory"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidRequestError(
            f"cannot use server '{parts.scheme}://{parts.hostname}...': give scheme, "
            f"host and port alone, and keys in {KEY_ID_VARIABLE} and {SECRET_VARIABLE}"
        )
    return ServerUrl(f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}")


def find_access_key(id: str | None, secret: str | None) -> AccessKey | None:  # noqa: A002
    """Return the key given, else that of the environment, else None.

    Raises:
        InvalidRequestError: one half is there and the other is not.
    """
    if id is None and secret is None:
        id = os.environ.get(KEY_ID_VARIABLE) or None  # noqa: A001
        secret = os.environ.get(SECRET_VARIABLE) or None
    match id, secret:
        case None, None:
            return None
        case str(), str():
            return AccessKey(id, secret)
        case _:
            missing = KEY_ID_VARIABLE if id is None else SECRET_VARIABLE
            raise InvalidRequestError(
                f"access key is incomplete: {missing} is not there"
            )


def _parse_directory(text: str) -> Path:
    host, colon, port = text.rpartition(":")
    path = Path(text).expanduser()
    # `localhost:8000` is a directory name only to a computer.
    if colon and host and "/" not in text and port.isdigit() and not path.exists():
        raise InvalidRequestError(
            f"no directory '{text}'; did you mean 'http://{text}'?"
        )
    return path

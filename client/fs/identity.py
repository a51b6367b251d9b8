"""Who asks which server, so that instances can be told apart, cached and pickled.

A secret that a caller gives stays in this process, outside of every file system: it is
in no `storage_options`, no token and no pickle. A process that unpickles a file system
finds the secret here if it is this process or one forked from it, and else in its
environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..address import (
    KEY_ID_VARIABLE,
    SECRET_VARIABLE,
    AccessKey,
    ServerDirectory,
    find_access_key,
    parse_server,
)
from ..errors import InvalidRequestError, UnauthenticatedError

SERVER = "server"
KEY_ID = "access_key_id"
SECRET = "secret_access_key"  # noqa: S105 - a name, no secret

_secrets: dict[tuple[str, str], str] = {}
"""By server and key id. As long-lived as the process, and as small as its set of keys."""


def identify(options: Mapping[str, object]) -> dict[str, object]:
    """Return `options` with the server written out and without the secret.

    Raises:
        InvalidRequestError: the server cannot be one, or the key is half a key.
    """
    given = dict(options)
    server = _name_server(given.pop(SERVER, None))
    key_id, secret = given.pop(KEY_ID, None), given.pop(SECRET, None)
    if secret is not None and key_id is None:
        raise InvalidRequestError(
            f"access key is incomplete: give {KEY_ID} with {SECRET}"
        )
    given[SERVER] = server
    if key_id is not None:
        given[KEY_ID] = str(key_id)
        if secret is not None:
            _secrets[server, str(key_id)] = str(secret)
    return given


def find_key(server: str, key_id: str | None) -> AccessKey | None:
    """Return the key to ask `server` with; without `key_id`, that of the environment.

    Raises:
        UnauthenticatedError: there is no secret for `key_id`.
        InvalidRequestError: the environment has half a key.
    """
    if key_id is None:
        return find_access_key(None, None)
    secret = _secrets.get((server, key_id))
    if secret is None and os.environ.get(KEY_ID_VARIABLE) == key_id:
        secret = os.environ.get(SECRET_VARIABLE) or None
    if secret is None:
        raise UnauthenticatedError(
            f"no secret for access key '{key_id}' in this process: pass {SECRET}, or "
            f"set {KEY_ID_VARIABLE} and {SECRET_VARIABLE}; secrets are not pickled"
        )
    return AccessKey(key_id, secret)


def _name_server(server: object) -> str:
    """Return the URL, or the directory by its full path: a worker runs elsewhere."""
    if server is not None and not isinstance(server, str | Path):
        raise InvalidRequestError(
            f"cannot use server {server!r}: give an http or https URL, or a directory"
        )
    address = parse_server(server)
    if isinstance(address, ServerDirectory):
        return str(address.path.expanduser().absolute())
    return str(address)

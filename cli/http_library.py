"""Import the library that speaks HTTP, in less time than it would take.

When it is imported it reads the certificates of all authorities that the system trusts,
twice: a sixth of the time of most commands. The client reads them itself where it needs
them, for a server at https.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from importlib import import_module

_PLACES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
"""Variables that say where certificates lie."""


def import_http_library() -> None:
    """Import it; for a process that is ours alone, because its own defaults trust nobody."""
    with _no_certificates():
        import_module("aiohttp")  # what comes later finds it imported


@contextmanager
def _no_certificates() -> Generator[None]:
    before = {name: os.environ.get(name) for name in _PLACES}
    os.environ.update(dict.fromkeys(_PLACES, os.devnull))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

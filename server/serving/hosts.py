"""Whether a request was meant for this machine, by the host that it names.

A page that a browser shows may have a host name that was made to lead here; it keeps
its own name in `Host`.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..settings import LOOPBACK_NAMES


def names_this_machine(host: str) -> bool:
    """Tell whether the value of a `Host` header is a loopback name or address."""
    try:
        return urlsplit(f"//{host}").hostname in LOOPBACK_NAMES
    except ValueError:
        return False

"""Every deliberate error of the server, so that no list of them can miss one."""

from __future__ import annotations

from lakebed.server import errors


def list_error_classes() -> list[type[errors.LakeError]]:
    """Return all classes of `server/errors.py`, in the order in which they stand."""
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.LakeError)
    ]

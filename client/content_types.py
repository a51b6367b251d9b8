"""The content type of a file that is uploaded, by its name."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mimetypes import MimeTypes


def guess_content_type(path: str) -> str | None:
    """Return the content type that the name of `path` stands for, if it does."""
    # The last two endings decide, as in `.tar.gz`; what begins with a dot is no ending.
    endings = path.rpartition("/")[2].lstrip(".").split(".")[1:]
    return _type_of(".".join(["x", *endings[-2:]])) if endings else None


@lru_cache(maxsize=1024)
def _type_of(name: str) -> str | None:
    """Return the type of files called like `name`; looking it up takes 10 us."""
    return _types().guess_type(f"file:///{name}")[0]


@cache
def _types() -> MimeTypes:
    """Return Python's own table, made when it is first needed, for that takes 14 ms.

    No file of the system is part of it: the content type is part of what an object is, so
    that two machines must not disagree on it.
    """
    from mimetypes import MimeTypes

    return MimeTypes()

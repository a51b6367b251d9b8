"""What the handles of the blocking client take to upload."""

from __future__ import annotations

from ..streams import BlockingUpload as Upload

__all__ = ["Upload", "check_upload"]


def check_upload(data: Upload) -> Upload:
    """Return `data`, unless it is a text: that may be meant as bytes or as a path.

    Raises:
        TypeError: it is.
    """
    if isinstance(data, str):
        raise TypeError(
            "cannot upload a str: give bytes, a pathlib.Path, or use write_text"
        )
    return data

"""What the handles of the asynchronous client take to upload."""

from __future__ import annotations

from ..operations.uploading import Upload as AsyncUpload

__all__ = ["AsyncUpload", "check_upload"]


def check_upload(data: AsyncUpload) -> AsyncUpload:
    """Return `data`, unless it is a text: that may be meant as bytes or as a path.

    Raises:
        TypeError: it is.
    """
    if isinstance(data, str):
        raise TypeError(
            "cannot upload a str: give bytes, a pathlib.Path, or use write_text"
        )
    return data

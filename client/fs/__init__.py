"""The fsspec file system `lakebed://REPO/REF/PATH`. Read `filesystem.py` first.

`filesystem.py` is the file system; it rests on `changing.py`, that on `removing.py`,
`reading.py` and `looking.py`. Files are in `files.py`, transactions in `transaction.py`.
Needs the extra `lakebed[fsspec]`.
"""

from __future__ import annotations

from .filesystem import LakebedFileSystem

__all__ = ["LakebedFileSystem"]

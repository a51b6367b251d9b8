"""The fsspec file system `lakebed://REPO/REF/PATH`. Read `filesystem.py` first.

`filesystem.py` puts together what reads (`looking.py`) and what writes (`changing.py`);
files are in `files.py`, transactions in `transaction.py`. Needs the extra
`lakebed[fsspec]`.
"""

from __future__ import annotations

from .filesystem import LakebedFileSystem

__all__ = ["LakebedFileSystem"]

"""What is written to an open file, until it is sent.

It waits in memory up to a block, beyond that in a temporary file. A request that stays
open while a program thinks about its next byte would be given up by the server, and
could not be sent again after a broken connection; this can.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import Buffer

if TYPE_CHECKING:
    from .filesystem import LakebedFileSystem

MEMORY_BYTES_MAX = 4 * 1024 * 1024
"""Of one file. Most small objects never see the disk; a hundred open writers (Dask) hold
no more than a few of their data frames take."""


class PendingObject:
    """Bytes on the way to an object, which appears when they are sent."""

    def __init__(
        self,
        fs: LakebedFileSystem,
        path: str,
        *,
        if_absent: bool = False,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self.size_bytes = 0
        self.is_open = True
        self._fs = fs
        self._options: dict[str, Any] = {
            "if_absent": if_absent,
            "content_type": content_type,
            "metadata": metadata,
        }
        self._spool = tempfile.SpooledTemporaryFile(MEMORY_BYTES_MAX)  # noqa: SIM115
        # What was begun in a transaction must not end outside of it.
        self._transaction = fs.running_transaction
        if self._transaction is not None:
            self._transaction.files.append(self)

    def write(self, data: Buffer) -> int:
        """Take `data`; return how many bytes that are."""
        if not self.is_open:
            raise ValueError("write to closed file")
        count = memoryview(data).nbytes
        self._spool.write(cast("bytes", data))
        self.size_bytes += count
        return count

    async def send(self) -> None:
        """Write the object.

        Raises:
            OSError: it could not be written; what was at the path is there still.
            ValueError: the transaction that it belongs to has ended.
        """
        try:
            if self._transaction is not self._fs.running_transaction:
                begun = "outside of" if self._transaction is None else "in"
                raise ValueError(
                    f"cannot write '{self.path}': the file was opened {begun} a "
                    "transaction; close it there"
                )
            self._spool.seek(0)
            await self._fs.upload(self.path, self._spool, **self._options)
        finally:
            self.discard()

    def discard(self) -> None:
        """Forget the bytes."""
        self.is_open = False
        self._spool.close()

"""`with fs.transaction:`: all that is written becomes one commit, or nothing.

Writes go to a hidden branch, made with the first of them from the head of the branch;
reads of that branch through the same file system see them. The end commits and merges;
an error, or an end that cannot be merged, leaves the branch as it was. A process that is
killed leaves the hidden branch behind.

A transaction belongs to its file system object, and those are shared: all threads that
use the same one write to it.
"""

from __future__ import annotations

import asyncio
import errno
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from fsspec.asyn import sync
from fsspec.transaction import Transaction

from ..errors import NothingToCommitError
from ..operations.transactions import name_hidden_branch
from .failures import as_os_errors, failure
from .location import Location

if TYPE_CHECKING:
    from ..async_client import AsyncClient
    from .filesystem import LakebedFileSystem
    from .pending import PendingObject


class LakebedTransaction(Transaction):
    """One commit on one branch.

    Say what it is for with `with fs.transaction("Clean the table"):` or by setting
    `message`. `commit_id` is there afterwards; None if nothing changed.
    """

    fs: LakebedFileSystem

    def __init__(self, fs: LakebedFileSystem, **kwargs: Any) -> None:
        super().__init__(fs)
        self.files: deque[PendingObject] = deque()
        self.message = ""
        self.metadata: Mapping[str, str] | None = None
        self.commit_id: str | None = None
        self._target: Location | None = None
        self._hidden: str | None = None
        self._beginning: asyncio.Future[None] | None = None
        self._is_running = False

    def __call__(
        self, message: str, *, metadata: Mapping[str, str] | None = None
    ) -> Self:
        """Say what the commit's message and metadata shall be."""
        self.message = message
        self.metadata = metadata
        return self

    def start(self) -> None:
        """Begin; the hidden branch is made with the first write."""
        if self._is_running:
            raise RuntimeError(
                "a transaction of this file system is running: one at a time, or give "
                "the other one a file system of its own (skip_instance_cache=True)"
            )
        self._is_running = True
        self.fs._intrans = True

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self.complete(commit=kind is None)

    def complete(self, commit: bool = True) -> None:
        """Commit what was written, or throw it away.

        Raises:
            OSError: it could not be committed; nothing of it is on the branch.
            ValueError: a file is open still.
        """
        fs = self.fs
        try:
            sync(fs.loop, self._complete, commit=commit)
        finally:
            self._end()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, kind: object, error: object, traceback: object) -> None:
        try:
            await self._complete(commit=kind is None)
        finally:
            self._end()

    def redirect(self, location: Location) -> str:
        """Return the ref to read `location` at."""
        if self._hidden is None or not self._is_target(location):
            return location.ref
        return self._hidden

    async def begin(self, location: Location) -> str:
        """Return the branch to write `location` on, made the first time.

        Raises:
            OSError: the transaction writes to another branch already.
            ClientError: the branch cannot be made.
        """
        if self._target is None:
            self._target = location
        if not self._is_target(location):
            target = f"{self._target.repository}/{self._target.ref}"
            raise failure(
                errno.EXDEV,
                f"cannot write '{location}' in this transaction: it writes to "
                f"'{target}', and one commit is on one branch",
            )
        if self._beginning is None:
            self._beginning = asyncio.ensure_future(self._make_hidden(location))
        await asyncio.shield(self._beginning)
        assert self._hidden is not None
        return self._hidden

    async def _make_hidden(self, location: Location) -> None:
        name = name_hidden_branch(location.ref)
        client = await self.fs.client()
        # The end would be refused; better to know before the work than after it.
        changes = client.iter_uncommitted(location.repository, location.ref, limit=1)
        async for _ in changes:
            raise failure(
                errno.EBUSY,
                f"branch '{location.ref}' has uncommitted changes: commit or reset them "
                "before a transaction",
            )
        await client.create_branch(
            location.repository, name, source=location.ref, hidden=True
        )
        self._hidden = name

    def _is_target(self, location: Location) -> bool:
        target = self._target
        return target is not None and (
            (target.repository, target.ref) == (location.repository, location.ref)
        )

    async def _complete(self, *, commit: bool) -> None:
        is_open = [pending.path for pending in self.files if pending.is_open]
        for pending in self.files:
            pending.discard()
        self.files.clear()
        if self._beginning is not None:
            with suppress(Exception):
                await self._beginning
        if self._hidden is not None and self._target is not None:
            client = await self.fs.client()
            try:
                if commit and not is_open:
                    with as_os_errors():
                        await self._finish(client, self._target, self._hidden)
            finally:
                await client.discard_branch(self._target.repository, self._hidden)
        if commit and is_open:
            raise ValueError(
                f"cannot end the transaction: '{is_open[0]}' is still open; nothing was "
                "written"
            )

    async def _finish(self, client: AsyncClient, target: Location, hidden: str) -> None:
        message = self.message or "Write files in a transaction"
        try:
            await client.commit(target.repository, hidden, message)
            self.commit_id = await client.merge_hidden_branch(
                target.repository,
                hidden,
                target.ref,
                message=message,
                metadata=self.metadata,
            )
        except NothingToCommitError:
            return

    def _end(self) -> None:
        self.fs._intrans = False
        self.fs._transaction = None
        self._is_running = False

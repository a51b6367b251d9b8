"""What is said of an object beside its bytes, changed in place."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from ..errors import ObjectNotFoundError, RefMovedError
from ..staging.store import PathState
from ..tree.entry import Entry, PackedEntry, pack_entry
from ..tree.extra import Extra, decode_extra, encode_extra
from .contracts import WriteTransaction
from .copies import ensure_blob
from .engine import Engine
from .objects import (
    CONDITION_ATTEMPTS_MAX,
    branch_of,
    is_still,
    locate,
    read_state,
    stage,
)
from .paths import show_path


async def update_extra(
    engine: Engine,
    repository: str,
    branch: str,
    path: bytes,
    change: Callable[[Extra], Extra],
) -> Entry:
    """Stage an object with what `change` makes of its extras; bytes and time stay.

    What another writer did to the object meanwhile is kept: `change` is asked again.

    Raises:
        RepositoryNotFoundError, RefNotFoundError, ReadOnlyRefError,
        ReadOnlyRepositoryError, MetadataTooLargeError
        ObjectNotFoundError: there is no object at `path`.
    """
    for _ in range(CONDITION_ATTEMPTS_MAX):
        state = await read_state(engine, repository, branch, path)
        located = await locate(engine, state, path)
        if located is None:
            raise ObjectNotFoundError(repository, branch, show_path(path))
        before = located.entry
        entry = replace(before, extra=encode_extra(change(decode_extra(before.extra))))
        if entry.extra == before.extra:
            return before
        packed = pack_entry(entry)

        async def action(
            tx: WriteTransaction,
            state: PathState = state,
            entry: Entry = entry,
            packed: PackedEntry = packed,
        ) -> bool:
            if not await is_still(tx, state, path):
                return False
            await ensure_blob(tx, entry)
            await stage(tx, state.repository, branch_of(state), [(path, packed)])
            return True

        if await engine.metadata.write(action):
            return entry
    raise RefMovedError(branch)

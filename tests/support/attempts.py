"""One operation on a copy of a lake, with a fault, and what the lake shows afterwards."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from lakebed.server.errors import LakeError
from lakebed.server.repository.engine import Engine
from lakebed.server.storage.local import LocalPackStorage

from support.engines import make_directory, open_engine
from support.faults import FaultPlan, FaultyPackStorage

S = TypeVar("S")


async def attempt(
    lake: Path,
    operation: Callable[[Engine], Awaitable[object]],
    plan: FaultPlan | None,
    read_state: Callable[[Engine], Awaitable[S]],
    *,
    tries_again: bool = False,
) -> tuple[S, bool, FaultyPackStorage]:
    """Run `operation` on a copy of `lake` under `plan`; open it again and look.

    With `tries_again` it is run once more before, if it was not acknowledged.

    Returns what is there, whether the operation was acknowledged, and its storage calls.
    """
    copy = make_directory()
    shutil.copytree(lake, copy / "lake")
    storage = FaultyPackStorage(LocalPackStorage(copy / "lake"), plan)
    is_acknowledged = False
    with suppress(LakeError):
        async with open_engine(copy / "lake", storage=storage) as engine:
            await operation(engine)
            is_acknowledged = True
    async with open_engine(copy / "lake") as engine:
        if tries_again and not is_acknowledged:
            await operation(engine)
        state = await read_state(engine)
    shutil.rmtree(copy)
    return state, is_acknowledged, storage

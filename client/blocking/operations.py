"""What every group of blocking operations rests on."""

from __future__ import annotations

from ..async_client import AsyncClient
from .loop import LoopThread


class BlockingOperations:
    """Operations of an asynchronous client, run on a loop."""

    def __init__(self, lake: AsyncClient, loop: LoopThread) -> None:
        self._lake = lake
        self._loop = loop

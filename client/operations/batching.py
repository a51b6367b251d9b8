"""Batches of many items, several worked at once."""

from __future__ import annotations

import asyncio
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Awaitable,
    Callable,
    Iterable,
)
from contextlib import aclosing
from typing import TypeVar

from ..wire import bundle

T = TypeVar("T")

BATCH_COUNT = 1024
"""Objects of one batch: of 4 KiB, as many as fill a bundle."""

BATCH_BYTES = bundle.BUNDLE_BYTES_MAX - 256 * 1024
"""The rest is for the index: a quarter of a KiB for each of a thousand objects."""


async def make_batches(
    items: Iterable[T] | AsyncIterable[T], size_of: Callable[[T], int]
) -> AsyncGenerator[list[T]]:
    """Yield `items` in batches of about a bundle."""
    batch: list[T] = []
    left = BATCH_BYTES
    async for item in _aiter(items):
        size_bytes = size_of(item)
        if batch and (size_bytes > left or len(batch) == BATCH_COUNT):
            yield batch
            batch, left = [], BATCH_BYTES
        batch.append(item)
        left -= size_bytes
    if batch:
        yield batch


async def _aiter(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T]:
    if isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for item in items:
            yield item


async def run_batches(
    batches: AsyncGenerator[list[T]],
    work: Callable[[list[T]], Awaitable[None]],
    jobs: int,
) -> None:
    """Run `work` on every batch, `jobs` at a time; the first failure stops all.

    Batches are taken as they are needed.
    """
    taking = asyncio.Lock()

    async def take() -> list[T] | None:
        async with taking:
            return await anext(batches, None)

    async def drain() -> None:
        while (batch := await take()) is not None:
            await work(batch)

    async with aclosing(batches):
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(max(jobs, 1)):
                    group.create_task(drain())
        except BaseExceptionGroup as failures:
            # The first is what the others follow from.
            raise failures.exceptions[0] from None

"""`verify`: the whole lake, or a sample of its packs, against everything it claims."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event

from ...chunks.reader import ChunkReader
from ...tree.store import NodeCache, StoredNodes
from ..engine import Engine
from .marking import mark
from .packs import PackVerifier
from .report import Report
from .rows import RowVerifier
from .sizes import KnownSizes
from .store import PackRow
from .structure import Structure
from .tracing import Tracer

THREADS_MAX = 8
"""Packs checked at one time; each holds two windows and a batch, 20 MiB. Hashing gives
up the interpreter lock, so that threads count as far as there are cores."""

_TRACE_CACHE_BYTES = 16 * 1024 * 1024
"""Nodes kept while refs are walked: inner nodes, which siblings share."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Which packs are looked at; all rows of the database are, whatever the sample."""

    seed: int
    """Which ones: the same seed takes the same of the same packs."""
    share: float = 0.0
    """Of the packs, up to 1; one pack at least."""
    packs: int = 0
    """So many; counts if `share` is 0."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a verification is."""

    packs_total: int
    packs: int
    pack_bytes: int
    pack_bytes_total: int
    """Of those that are sealed; another that is being written is not in it."""
    faults: int


async def verify(
    engine: Engine,
    *,
    sample: Sample | None = None,
    threads: int | None = None,
    dry_run: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Report:
    """Check everything that is stored, and return what was found.

    Marks what is damaged, so that it is stored anew when it comes again; takes the mark
    from what is whole again. Removes nothing. May run beside servers of the same lake:
    what they write meanwhile is checked as far as it is seen.

    Args:
        engine: of the lake.
        sample: which packs; all if None.
        dry_run: marks nothing.
        threads: packs checked at one time; as many as there are cores if None.
        on_progress: told behind each pack, in any thread.

    Raises:
        CorruptDataError: the database cannot be read at all.
        StorageFailedError: the database could not be read.
    """
    started_s, cpu_started_s = time.monotonic(), time.process_time()
    report = Report(seed=None if sample is None else sample.seed)
    sizes = KnownSizes(engine.metadata)
    # A reader of its own: what it meets is marked at the end, if at all.
    chunks = ChunkReader(engine.metadata, engine.storage)
    structure = Structure(chunks, sizes.find, report)
    packs = await engine.metadata.snapshot(lambda snapshot: snapshot.list_pack_rows())
    packs = [pack for pack in packs if pack.state != "dead"]
    report.packs_total = len(packs)
    chosen = packs if sample is None else _choose(packs, sample)
    verifier = PackVerifier(
        engine.storage,
        engine.metadata,
        chunks,
        structure,
        report,
    )
    await _check_packs(verifier, chosen, report, threads, on_progress)
    _note_strangers(engine, packs, report)
    rows = RowVerifier(engine.metadata, structure, report, whole=sample is None)
    await rows.check()
    nodes = StoredNodes(chunks, NodeCache(_TRACE_CACHE_BYTES))
    await Tracer(engine.metadata, chunks, nodes, report).trace()
    if not dry_run:
        await mark(engine, report)
    report.seconds = time.monotonic() - started_s
    report.cpu_seconds = time.process_time() - cpu_started_s
    return report


def _choose(packs: Sequence[PackRow], sample: Sample) -> list[PackRow]:
    wanted = round(len(packs) * sample.share) if sample.share else sample.packs
    count = min(len(packs), max(1, wanted))
    # No secret: whoever repeats it must get the same ones.
    chosen = random.Random(sample.seed).sample(packs, count)  # noqa: S311
    return sorted(chosen, key=lambda pack: pack.name)


async def _check_packs(
    verifier: PackVerifier,
    packs: Sequence[PackRow],
    report: Report,
    threads: int | None,
    on_progress: Callable[[Progress], None],
) -> None:
    """Check `packs` in threads; stop early if we are cancelled, or one of them fails."""
    count = min(threads or os.cpu_count() or 1, THREADS_MAX)
    waiting = iter(packs)
    stop = Event()
    bytes_total = sum(pack.size_bytes for pack in packs)

    def check_some() -> None:
        while not stop.is_set():
            pack = next(waiting, None)  # of a list: one step under the interpreter lock
            if pack is None:
                return
            verifier.check(pack)
            on_progress(
                Progress(
                    len(packs),
                    report.packs,
                    report.pack_bytes,
                    bytes_total,
                    len(report.faults),
                )
            )

    loop = asyncio.get_running_loop()
    pool = ThreadPoolExecutor(count, thread_name_prefix="verify")
    try:
        await asyncio.gather(
            *(loop.run_in_executor(pool, check_some) for _ in range(count))
        )
    finally:
        stop.set()
        await asyncio.to_thread(pool.shutdown)


def _note_strangers(engine: Engine, packs: Sequence[PackRow], report: Report) -> None:
    """Note packs that the database has never heard of: it is older than they are."""
    known = {pack.name for pack in packs}
    strangers = sum(1 for name in engine.storage.names() if name not in known)
    if strangers:
        report.note(
            f"{strangers} packs are not in the database: written since, or the database "
            "is an older one; 'lakebed admin rebuild-index' takes them in"
        )

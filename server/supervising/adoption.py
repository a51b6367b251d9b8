"""Who accepts connections of a slot whose worker is not there.

The sockets of a slot stay open without its worker, and the kernel goes on to hand them
connections, which would wait until the next worker is ready. So the others accept them
meanwhile: each slot without a worker is taken by the next one that has one, round about.
"""

from __future__ import annotations

from collections.abc import Sequence


def adopt(ready: Sequence[bool]) -> list[tuple[int, ...]]:
    """Return for each slot the slots that its worker accepts for beside its own.

    `ready` tells of each slot whether it has a worker that accepts. If none has, the
    connections wait.
    """
    count = len(ready)
    taken: list[list[int]] = [[] for _ in ready]
    for orphan in range(count):
        if ready[orphan]:
            continue
        for step in range(1, count):
            taker = (orphan + step) % count
            if ready[taker]:
                taken[taker].append(orphan)
                break
    return [tuple(slots) for slots in taken]

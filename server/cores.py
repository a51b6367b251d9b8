"""How many cores this process may use, which in a container is not what the machine has.

The kernel has two ways to say so: which cores (affinity), and how much time of all of
them in a period (the quota of a control group, `docker --cpus`, `CPUQuota=`). Only the
first is told by the standard library.
"""

from __future__ import annotations

import math
import os
from pathlib import Path


def count_usable_cores(root: Path = Path("/")) -> int:
    """Return how many cores can be kept busy, at least 1.

    `root` is where `proc` and `sys` are found.
    """
    cores = len(os.sched_getaffinity(0))
    return max(1, min([cores, *_quotas(root)]))


def _quotas(root: Path) -> list[int]:
    """Return the cores' worth of time that each control group around us has."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found: list[int] = []
    for line in lines:
        hierarchy, _, path = line.partition("::")
        if hierarchy != "0":
            continue  # of version 1, in which a group may say one thing at many places
        top = root / "sys/fs/cgroup"
        group = top / path.lstrip("/")
        while group.is_relative_to(top):
            found += _read_quota(group / "cpu.max")
            group = group.parent
    return found


def _read_quota(path: Path) -> list[int]:
    """Return what a file says, as a list of one; of none if it sets no quota."""
    try:
        quota, period = path.read_text().split()
        # A part of a core more keeps another worker busy for that part.
        return [] if quota == "max" else [math.ceil(int(quota) / int(period))]
    except (OSError, ValueError, ZeroDivisionError):
        return []

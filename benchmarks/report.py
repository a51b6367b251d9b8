"""Prints what a benchmark measured: one JSON object a line, on stdout.

A figure is told with what it is compared to, measured in the same run, because machines
differ and are noisy: a ratio travels, a time does not.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from functools import cache


def report(
    name: str,
    *,
    size: str,
    value: float,
    unit: str,
    limit: float | None = None,
    peer: float | None = None,
    **extra: object,
) -> None:
    """Print one result.

    Args:
        name: what was measured, `area.work`.
        size: how much of it, as text: `1 GiB`, `10^6 entries`.
        value: the figure.
        unit: its unit.
        limit: the figure to reach, in the same unit.
        peer: the same work done by what it is compared with, in the same unit.
        extra: more figures that belong to it.
    """
    line: dict[str, object] = {
        "name": name,
        "size": size,
        "value": _rounded(value),
        "unit": unit,
    }
    if limit is not None:
        line["limit"] = _rounded(limit)
    if peer is not None:
        line["peer"] = _rounded(peer)
    for key, figure in extra.items():
        line[key] = _rounded(figure) if isinstance(figure, float) else figure
    print(json.dumps(line | {"machine": _machine()}), flush=True)


def _rounded(value: float) -> float:
    """Return `value` with four digits that mean something."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


@cache
def _machine() -> str:
    return (
        f"{os.cpu_count()} x {platform.machine()}, {platform.system()} "
        f"{platform.release()}, Python {'.'.join(map(str, sys.version_info[:3]))}"
    )

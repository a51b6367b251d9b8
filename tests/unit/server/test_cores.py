"""A container that may use two cores of many gets two workers, not many."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lakebed.server.cores import count_usable_cores


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)))  # pyright: ignore


def write(root: Path, group: str, quotas: dict[str, str]) -> None:
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(f"1:cpu:/old\n0::{group}\n")
    for path, text in quotas.items():
        folder = root / "sys/fs/cgroup" / path
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "cpu.max").write_text(text)


def test_without_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert count_usable_cores(tmp_path) == 64


@pytest.mark.parametrize(
    ("quotas", "cores"),
    [
        ({"": "200000 100000\n"}, 2),
        ({"": "150000 100000"}, 2),
        ({"": "10000 100000"}, 1),
        ({"": "max 100000"}, 64),
        ({"": "9900000 100000"}, 64),
        ({"system.slice/lake.service": "300000 100000"}, 3),
        ({"system.slice/lake.service": "max 100000", "system.slice": "4 1"}, 4),
        ({"system.slice/lake.service": "8 1", "": "5 1"}, 5),
        ({"system.slice/other.service": "1 1"}, 64),
        ({"": "nonsense"}, 64),
        ({"": "1 0"}, 64),
        ({"": "0 1"}, 1),
    ],
)
def test_the_smallest_quota_counts(
    tmp_path: Path, quotas: dict[str, str], cores: int
) -> None:
    write(tmp_path, "/system.slice/lake.service", quotas)

    assert count_usable_cores(tmp_path) == cores


def test_a_group_that_would_lead_elsewhere_is_passed_over(tmp_path: Path) -> None:
    """As the kernel shows what lies outside of a namespace."""
    write(tmp_path, "/../../elsewhere", {"": "2 1"})

    assert count_usable_cores(tmp_path) in (2, 64)

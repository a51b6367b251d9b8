"""The machine that a run works on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ..wire import Gpu, Hardware, Missing
from .captured import Captured
from .parallel import begin

_NVIDIA_TIMEOUT_S = 5.0
"""A driver that sleeps takes a second or two to wake up; one that hangs must not hold us."""
_CPUINFO_BYTES = 8192
"""One processor of the hundreds that a large machine lists."""


def capture_hardware(
    *, root: Path = Path("/"), environ: Mapping[str, str] | None = None
) -> Captured[Hardware]:
    """Return the processor, memory and graphics processors of this machine.

    Args:
        root: where the files of the system are, for tests.
        environ: where `nvidia-smi` is looked for; None: our own.
    """
    missing: list[Missing] = []
    hardware = Hardware(
        machine=os.uname().machine,
        cpu=_read_cpu(root),
        cores=os.cpu_count() or 0,
        memory_bytes=_read_memory(root),
        gpus=_read_gpus(os.environ if environ is None else environ, missing),
    )
    return Captured(hardware, (), tuple(missing))


def _read_cpu(root: Path) -> str:
    try:
        with (root / "proc/cpuinfo").open("rb") as file:
            text = file.read(_CPUINFO_BYTES).decode(errors="replace")
    except OSError:
        return ""
    for name in ("model name", "Model", "Hardware", "cpu model", "CPU part"):
        found = re.search(rf"(?m)^{name}\s*: *(.+)$", text)
        if found is not None:
            return found[1].strip()
    return ""


def _read_memory(root: Path) -> int:
    """Return the memory of the machine, or what a container may have of it if that is less."""
    found = re.search(r"(?m)^MemTotal: *(\d+) kB$", _read(root / "proc/meminfo"))
    total = int(found[1]) * 1024 if found is not None else 0
    for name in (
        "sys/fs/cgroup/memory.max",
        "sys/fs/cgroup/memory/memory.limit_in_bytes",
    ):
        limit = _read(root / name).strip()
        if limit.isdecimal() and 0 < int(limit) < total:
            return int(limit)
    return total


def _read_gpus(environ: Mapping[str, str], missing: list[Missing]) -> list[Gpu]:
    program = shutil.which("nvidia-smi", path=environ.get("PATH", os.defpath))
    if program is None:
        return []
    wanted = (
        "--query-gpu=name,driver_version,memory.total",
        "--format=csv,noheader,nounits",
    )
    header = begin(lambda: _run(program))
    try:
        rows = _run(program, *wanted)
        cuda = re.search(r"CUDA Version: *([\d.]+)", header.result())
    except (OSError, subprocess.SubprocessError) as error:
        reason = f"'nvidia-smi' could not be asked: {_short(error)}"
        missing.append(Missing(what="hardware.gpus", reason=reason))
        return []
    return [
        Gpu(
            name=fields[0],
            driver=fields[1],
            cuda=cuda[1] if cuda is not None else "",
            memory_bytes=int(fields[2]) << 20 if fields[2].isdecimal() else 0,
        )
        for line in rows.splitlines()
        if len(fields := [word.strip() for word in line.split(",")]) == 3
    ]


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 (no shell)
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_NVIDIA_TIMEOUT_S,
        check=True,
        text=True,
        errors="replace",
    )
    return done.stdout


def _short(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {_NVIDIA_TIMEOUT_S:g} s"
    if isinstance(error, subprocess.CalledProcessError):
        return f"it ended with {error.returncode}"
    return str(error)


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""

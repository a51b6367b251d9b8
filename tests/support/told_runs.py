"""A run as a server tells of it, for tests of what is shown of runs and done with them."""

from __future__ import annotations

from typing import Any

import msgspec
from lakebed.client.wire import (
    Code,
    ConfigFile,
    Configuration,
    Distribution,
    EntryFile,
    Environment,
    Hardware,
    LockFile,
    MetricSummary,
    Run,
    RunInput,
    RunOutput,
    Seeds,
)

RUN_ID = "3f2a9c1b8d0e" + "0" * 20
COMMIT = "9f2c1ab01234" + "a" * 52
CODE_COMMIT = "c0de" + "1" * 36
REMOTE = "https://github.com/team/fraud.git"

CODE = Code(
    kind="git",
    argv=["python", "train.py", "--depth", "3"],
    directory="src",
    root="/home/ann/fraud",
    remote=REMOTE,
    commit=CODE_COMMIT,
    branch="main",
    tree="7" * 40,
    is_pushed=True,
    entry=EntryFile(path="src/train.py", sha256="e" * 64, size_bytes=1200),
)
ENVIRONMENT = Environment(
    python="3.11.7",
    implementation="CPython",
    executable="/home/ann/fraud/.venv/bin/python",
    prefix="/home/ann/fraud/.venv",
    manager="uv",
    locks=[LockFile(path="uv.lock", kind="uv", file="lock/uv.lock", sha256="f" * 64)],
    distributions=[
        Distribution(name="numpy", version="2.3.1"),
        Distribution(name="scikit-learn", version="1.8.0"),
    ],
    os="Debian GNU/Linux 12",
    libc="glibc 2.36",
)


def make_input(path: str = "2026/", **changes: Any) -> RunInput:
    """Return an input of the run, with `changes`."""
    told = RunInput(
        repository="sales",
        ref="main",
        commit=COMMIT,
        path=path,
        kind="prefix" if path.endswith("/") or not path else "file",
        identity="1d" * 32,
        size_bytes=1_200_000_000,
        how="declared",
    )
    return msgspec.structs.replace(told, **changes)


def make_output(path: str = "fraud/model.json", **changes: Any) -> RunOutput:
    """Return an output of the run, with `changes`."""
    told = RunOutput(
        repository="sales",
        branch="main",
        path=path,
        kind="file",
        commit="0c" * 32,
        identity="2e" * 32,
        size_bytes=2100,
    )
    return msgspec.structs.replace(told, **changes)


def make_metric(name: str, value: float) -> MetricSummary:
    """Return a metric that was logged once."""
    return MetricSummary(
        name=name, last=value, last_step=0, min=value, max=value, count=1
    )


def make_run(**changes: Any) -> Run:
    """Return a run that succeeded and has all there can be, with `changes`.

    Parts may be given as their shapes.
    """
    told = Run(
        id=RUN_ID,
        repository="sales",
        experiment="baseline",
        status="succeeded",
        user="ann",
        host="node7",
        started_ms=1_764_000_000_000,
        heard_ms=1_764_000_014_000,
        ended_ms=1_764_000_014_000,
        exit_code=0,
        parent=None,
        rerun_of=None,
        record="4e" * 32,
        grade="A",
        reasons=[],
        code=part(CODE),
        configuration=part(
            Configuration(
                files=[ConfigFile(path="conf.yaml", file="conf", sha256="c" * 64)]
            )
        ),
        environment=part(ENVIRONMENT),
        hardware=part(
            Hardware(machine="x86_64", cpu="AMD EPYC 9354", cores=8, memory_bytes=1)
        ),
        seeds=part(
            Seeds(seed=42, set={"python": 42, "numpy": 42}, pythonhashseed="42")
        ),
        params={"depth": 3, "lr": 0.1},
        metrics=[make_metric("auc", 0.931), make_metric("loss", 0.25)],
        inputs=[make_input()],
        outputs=[make_output()],
        files=[],
        missing=[],
        verdicts=[],
        work_branches=[],
    )
    given = {
        name: part(value) if isinstance(value, msgspec.Struct) else value
        for name, value in changes.items()
    }
    return msgspec.structs.replace(told, **given)


def part(shape: msgspec.Struct) -> dict[str, Any]:
    """Return a part of a run as it travels."""
    built: dict[str, Any] = msgspec.to_builtins(shape)
    return built

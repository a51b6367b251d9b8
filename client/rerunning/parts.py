"""The parts of a run, as far as they can be read.

A server keeps parts as they came, from whatever recorded them. One that is empty, or not
of the shape that we know, is read as None: nothing is claimed of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self, TypeVar

import msgspec

from ..wire import Code, Configuration, Environment, Hardware, Run, Seeds

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Parts:
    """What a recorder said of a run."""

    code: Code | None
    configuration: Configuration | None
    environment: Environment | None
    hardware: Hardware | None
    seeds: Seeds | None

    @classmethod
    def of(cls, run: Run) -> Self:
        """Return the parts of `run`."""
        return cls(
            code=_read(run.code, Code),
            configuration=_read(run.configuration, Configuration),
            environment=_read(run.environment, Environment),
            hardware=_read(run.hardware, Hardware),
            seeds=_read(run.seeds, Seeds),
        )


def _read(part: dict[str, Any], shape: type[T]) -> T | None:
    if not part:
        return None
    try:
        return msgspec.convert(part, shape)
    except msgspec.ValidationError:
        return None

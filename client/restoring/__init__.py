"""Code and environment of a run, made again. Read `code.py` first."""

from .code import ReadFile, RestoredCode, restore_code
from .environment import (
    EnvironmentDifference,
    Faithfulness,
    RecreatedEnvironment,
    check_environment,
    recreate_environment,
)
from .errors import RestoreError

__all__ = [
    "EnvironmentDifference",
    "Faithfulness",
    "ReadFile",
    "RecreatedEnvironment",
    "RestoreError",
    "RestoredCode",
    "check_environment",
    "recreate_environment",
    "restore_code",
]

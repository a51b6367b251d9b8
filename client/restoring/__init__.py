"""Code and environment of a run, made again. Read `code.py` first."""

from .code import ReadFile, RestoredCode, restore_code
from .comparing import EnvironmentDifference, check_environment
from .environment import Faithfulness, RecreatedEnvironment, recreate_environment
from .errors import RestoreError
from .requirements import relocate

__all__ = [
    "EnvironmentDifference",
    "Faithfulness",
    "ReadFile",
    "RecreatedEnvironment",
    "RestoreError",
    "RestoredCode",
    "check_environment",
    "recreate_environment",
    "relocate",
    "restore_code",
]

"""What is recorded of a run before it begins. Read `whole.py` first."""

from ..wire.run_parts import MASK
from .bundling import capture_commits
from .captured import DEFAULT_LIMITS, Captured, CapturedRun, FileToKeep, Limits
from .code import capture_code
from .configuration import capture_configuration
from .environment import capture_environment
from .hardware import capture_hardware
from .names import is_secret_name
from .notebook import capture_notebook
from .secrets import mask_argv, mask_text, mask_url
from .whole import capture_run

__all__ = [
    "DEFAULT_LIMITS",
    "MASK",
    "Captured",
    "CapturedRun",
    "FileToKeep",
    "Limits",
    "capture_code",
    "capture_commits",
    "capture_configuration",
    "capture_environment",
    "capture_hardware",
    "capture_notebook",
    "capture_run",
    "is_secret_name",
    "mask_argv",
    "mask_text",
    "mask_url",
]

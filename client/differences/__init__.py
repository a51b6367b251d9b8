"""How two versions of an output differ. Read `files.py` first."""

from .files import compare_files, find_first_difference
from .numbers import EXACT, Tolerance

__all__ = ["EXACT", "Tolerance", "compare_files", "find_first_difference"]

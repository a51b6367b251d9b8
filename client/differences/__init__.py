"""How two versions of an output differ. Read `files.py` first."""

from .files import EXACT, Tolerance, compare_files, find_first_difference

__all__ = ["EXACT", "Tolerance", "compare_files", "find_first_difference"]

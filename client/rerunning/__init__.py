"""Doing a run again, and comparing runs. Read `again.py` first."""

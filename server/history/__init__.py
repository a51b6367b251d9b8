"""Commits and how they descend from each other. Read `commit.py` first."""

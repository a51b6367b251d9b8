"""Bytes in a backend. Read `store.py` first."""

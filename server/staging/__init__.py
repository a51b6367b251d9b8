"""Uncommitted changes of a branch. Read `store.py`, then `docs/design/transactions.md`."""

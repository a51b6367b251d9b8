"""Names of things that move: repositories, branches, tags, and where they have been.

Read `store.py` first: the contract that `metadata/` keeps in SQL.
"""

"""Verifies what a lake stores: every byte, and everything that refers to another thing.

Read `run.py` first. Nothing stored is believed: each frame is hashed and compared with
its id and with the row of the index (`packs.py`), each node and recipe with what it
refers to (`structure.py`), each row of the database likewise (`rows.py`). Whatever is
stored must find all that it refers to directly; so everything that a ref reaches is
there, without a walk through any tree. Only if something is wrong the trees are walked,
to say which refs and paths it concerns (`tracing.py`).

Memory is bounded, whatever the lake; the database is read in short statements, so that
a server beside it goes on and its write-ahead log is folded as ever.
"""

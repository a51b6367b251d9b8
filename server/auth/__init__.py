"""Who is asking, and may they. Read `store.py` for what is kept."""

"""Content-addressed bytes: cut, pack, locate, verify. Read `index.py` first."""

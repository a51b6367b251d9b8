"""The documents that the interface gives of itself. Read `openapi.py` first."""

"""The Python client of lakebed. Read `async_client.py` first."""

from __future__ import annotations

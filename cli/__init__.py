"""The `lakebed` command. Read `main.py` first.

It talks only through `lakebed.client`; every rule lives in the server. Modules here
import the client where they use it, not at the top: `lakebed --help` waits for nothing.
"""

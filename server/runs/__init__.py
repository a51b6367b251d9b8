"""Runs: what is recorded of them. No I/O; `metadata/` keeps the contracts."""

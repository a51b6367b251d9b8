"""One script a promise of speed; `python -m benchmarks.NAME [--quick]`."""

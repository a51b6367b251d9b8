"""`python -m lakebed.cli` is `lakebed`."""

from .main import main

main()

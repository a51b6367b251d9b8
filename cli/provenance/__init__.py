"""What is shown of runs: one screen, a comparison, a graph. Read `screen.py` first."""

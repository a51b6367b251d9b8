"""How `cp` copies: up, down and across. Read `plan.py` first."""

"""How requests come in, whatever they ask: listeners, limits, log lines, figures.

Knows HTTP and no protocol of ours; `app.py` joins it with them. Read `edge.py` first.
"""

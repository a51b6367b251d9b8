"""Record runs: from Python, and of a command. Read `run.py` first, then `recorder.py`.

What is logged goes into a buffer (`pending.py`), from there as batches into a file
(`spool.py`), and from there to the server (`recorder.py`): so a server that is away, or a
process that is killed, loses nothing that was in the file, and nobody waits for a network.
"""

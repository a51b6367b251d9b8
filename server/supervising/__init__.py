"""Several workers that serve one directory, and the process that starts and watches them.

The supervisor holds a listening socket of every address for every worker, so that one
that dies takes no connection with it that has not been accepted. Read `supervisor.py`
first, then `slot.py`; `worker.py` is the other side, in the process of each worker.
"""

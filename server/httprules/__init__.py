"""What HTTP itself says of requests for bytes: shared by every protocol that sends them.

ranges.py         which bytes are asked for
preconditions.py  whether they are to be sent at all
"""

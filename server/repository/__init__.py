"""What can be done with a repository: one function an operation, for every protocol.

Read `engine.py` first: what every operation works with.
"""

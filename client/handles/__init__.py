"""Names of things on a server, with methods: lake, repository, ref, branch, tag.

Read `repository.py` first. A handle is an immutable name and holds nothing of the server:
to make one asks nobody, and two that name the same are equal. What is asked goes through
the flat operations of `AsyncClient`.

This folder is written once, with `await`. `blocking/handles/` is made from it by
`python3 tasks.py blocking`, and a test says when it was forgotten; only `listing.py` and
`opening.py`, where the two differ, are written for each.
"""

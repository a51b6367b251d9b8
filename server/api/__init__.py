"""The REST interface, compatible with the lakeFS API. Read `routes.py` first.

routes.py      the table: every method and path, what it does, who may
handler.py     one request: route, authenticate, authorise, decode, call, answer
admission.py   what a row of the table asks of the caller, and when
operations/    parse, call one operation of `repository/`, print
problems.py    every error of the engine and its HTTP status
"""

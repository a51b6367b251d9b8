"""Runs as values: their record, what is in it, and how good it is. No I/O.

record.py      canonical bytes of a sealed run (docs/format/run.md)
documents.py   JSON in canonical bytes, and typed values of parameters
points.py      points of metrics, in columns
statuses.py    what may become of a run
names.py       rules for what people name: experiments, parameters, metrics, files
grading.py     how well a run can be done again, and why not better
store.py       the contract of what is kept of runs; `metadata/` keeps it
"""

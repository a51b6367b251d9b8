"""Runs: what produced what. One function an operation, for every protocol.

`docs/design/provenance.md` is the design; start with `beginning.py` and `ending.py`.

callers.py      who asks, as far as an operation must know
drafts.py       what of a run that goes on has no rows
contents.py     the identity of what lies below a prefix
inputs.py       what a run is declared to read
beginning.py    a run begins
adding.py       batches and files are added
ending.py       it ends: is published, sealed
publishing.py   work branches become commits
assembling.py   a run as its record has it, from its rows
sealing.py      the record is put together and kept
finding.py      runs by id, lists
details.py      all that is known of one
verdicts.py     what re-runs came to
deleting.py     runs that nothing needs are deleted
losing.py       runs that nothing was heard of
views.py        what a request with the key of a run reads and writes
observing.py    what such a request read

Models are versions made of outputs of runs:

models.py       models and versions: find, list, describe, delete
registering.py  a version is made of an output of a run
outputs.py      which output, and the tree of its files
model_refs.py   the refs by which the files of versions are read
aliases.py      aliases move over the versions
judging.py      rules of aliases; approvals, checks
"""

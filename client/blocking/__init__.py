"""The client without `await`: the same operations, run on a loop in a thread."""

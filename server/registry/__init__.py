"""The names and rules of models, and the contract of what is kept of them; no I/O."""

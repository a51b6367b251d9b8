"""Handlers: each parses, calls one operation of `repository/`, and answers."""

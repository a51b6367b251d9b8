"""The transactional database: SQLite, through apsw. Read `metadata.py` first.

`SqlMetadata` keeps the contracts `Metadata` and `AuthStore`. The rules it follows are
`docs/design/transactions.md`, the tables `docs/format/database.md`.
"""

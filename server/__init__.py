"""The lakebed server: a versioned object store behind S3 and REST.

Read `app.py` for how one worker is put together, `repository/` for what it can do.
"""

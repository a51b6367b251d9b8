"""The lakebed server: a versioned object store behind S3 and REST.

Read `app.py` for how one worker is put together, `repository/` for what it can do.
"""

import logging

# In a process of somebody else, who opens a directory, its log goes where they want it,
# and nowhere if they do not say. What a request failed of, they are told by its answer.
logging.getLogger(__name__).addHandler(logging.NullHandler())

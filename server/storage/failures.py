"""What the operating system refused, as the engine's own errors.

One place, so that a full disk reads the same wherever it is met: the failure, the file,
and the way out.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ..errors import StorageFailedError, StorageFullError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def storage_error(
    action: str, path: Path, error: OSError
) -> StorageFullError | StorageFailedError:
    """Return the deliberate error that says `action` on `path` failed as `error` says."""
    reason = os.strerror(error.errno).lower() if error.errno else str(error)
    if error.errno in _FULL:
        return StorageFullError(
            f"cannot {action} '{path}': {reason}: free some space under "
            f"'{path.parent}', or raise its quota, and try again"
        )
    return StorageFailedError(
        f"cannot {action} '{path}': {reason}: check the disk, the permissions and the "
        "limits of the process"
    )

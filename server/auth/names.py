"""Names of users: the rule, checked once, where they come in; and the owner of a directory."""

from __future__ import annotations

import os
import pwd
import re

from ..errors import InvalidNameError

_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._@+-]{0,127}", re.ASCII)


def check_user_name(name: str) -> str:
    """Return `name` if a user may be created under it.

    Names stand in commits and logs, so they are short, of one line, and read the same
    everywhere; an e-mail address is one.

    Raises:
        InvalidNameError: it may not; the message says why.
    """
    if not _USER.fullmatch(name):
        raise InvalidNameError(
            "username",
            f"invalid user name {name[:80]!r}: use 1 to 128 letters, digits and any of "
            "'._@+-', beginning with a letter, digit or '_'",
            value=name,
        )
    return name


def owner_name() -> str:
    """Return the name of who owns a directory: the user of this process.

    The system says it; what the environment says is no name.
    """
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid-{os.geteuid()}"

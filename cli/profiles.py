"""Where the server is and who is asking, if the command line does not say.

`lakebed login` keeps a server and a key under a name. `lakebed.client.profiles` finds and
reads what is kept; here it is written, and said where each came from.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from .exits import CommandError

if TYPE_CHECKING:
    from lakebed.client.profiles import Profile

PROFILE_VARIABLE = "LAKEBED_PROFILE"
"""As in the client, which the help page does not wait for."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which server to ask, and as whom; None leaves it to the client."""

    server: str
    access_key_id: str | None
    secret_access_key: str | None = field(repr=False)
    server_from: Literal["--server", "LAKEBED_SERVER", "profile", "default"]
    key_from: Literal["environment", "profile", "none"]
    profile: str
    """The name of the profile that counts, whether or not there is one."""


def profile_name() -> str:
    """Return the name of the profile that counts."""
    from lakebed.client.profiles import DEFAULT_PROFILE

    return os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE


def find_target(server: str | None) -> Target:
    """Return which server to ask and with which key, `server` being what was said.

    Raises:
        CommandError: the profile was named and is not there, or the file is damaged.
    """
    from lakebed.client import InvalidRequestError
    from lakebed.client.address import (
        KEY_ID_VARIABLE,
        SECRET_VARIABLE,
        SERVER_VARIABLE,
    )
    from lakebed.client.profiles import find_server

    try:
        found = find_server(server or None)
    except InvalidRequestError as error:
        raise CommandError(str(error)) from error
    server_from: Literal["--server", "LAKEBED_SERVER", "profile", "default"]
    if server:
        server_from = "--server"
    elif os.environ.get(SERVER_VARIABLE):
        server_from = "LAKEBED_SERVER"
    else:
        server_from = "profile" if found.has_profile else "default"
    key_from: Literal["environment", "profile", "none"] = "none"
    if os.environ.get(KEY_ID_VARIABLE) or os.environ.get(SECRET_VARIABLE):
        key_from = "environment"
    elif found.access_key_id is not None:
        key_from = "profile"
    return Target(
        str(found.server),
        found.access_key_id,
        found.secret_access_key,
        server_from,
        key_from,
        profile_name(),
    )


def read_profiles() -> dict[str, Profile]:
    """Return the profiles by name.

    Raises:
        CommandError: the file cannot be read.
    """
    from lakebed.client import InvalidRequestError, profiles

    try:
        return profiles.read_profiles()
    except InvalidRequestError as error:
        raise CommandError(str(error)) from error


def write_profile(name: str, profile: Profile | None) -> None:
    """Keep `profile` under `name`, in place of what was there; None removes it.

    The file is replaced as a whole, so that a stop leaves the old one or the new one, and
    has mode 0600 from its first byte.
    """
    from lakebed.client.profiles import profiles_path

    profiles = read_profiles()
    if profile is None:
        profiles.pop(name, None)
    else:
        profiles[name] = profile
    path = profiles_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(_to_toml(profiles))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _to_toml(profiles: dict[str, Profile]) -> str:
    # A JSON string is a TOML string: what may differ, DEL, is in none of these.
    sections = [
        "\n".join(
            (
                f"[{json.dumps(name)}]",
                f"server = {json.dumps(profile.server)}",
                f"access_key_id = {json.dumps(profile.access_key_id)}",
                f"secret_access_key = {json.dumps(profile.secret_access_key)}",
            )
        )
        for name, profile in sorted(profiles.items())
    ]
    return "# Written by `lakebed login`; keep it to yourself.\n\n" + "\n\n".join(
        [*sections, ""]
    )

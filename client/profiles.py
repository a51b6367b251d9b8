"""The server and key that `lakebed login` keeps, for those who do not say one.

`profiles.toml` in the folder `lakebed` of the user's configuration, one table a profile.
The key of a profile is sent to no server but its own.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from .address import DEFAULT_SERVER, KEY_ID_VARIABLE, SECRET_VARIABLE, SERVER_VARIABLE
from .errors import InvalidRequestError

PROFILE_VARIABLE = "LAKEBED_PROFILE"
DEFAULT_PROFILE = "default"
FILE_NAME = "profiles.toml"


@dataclass(frozen=True, slots=True)
class Profile:
    """A server, and the key to sign in with there."""

    server: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Found:
    """Which server to ask, and the key of a profile; None leaves it to the client."""

    server: str | Path
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    has_profile: bool = field(default=False, compare=False)
    """Whether there is such a profile, of this server or another."""


def profiles_path() -> Path:
    """Return where the profiles are kept."""
    configuration = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(configuration) if configuration else Path.home() / ".config"
    return folder / "lakebed" / FILE_NAME


def find_server(server: str | Path | None, *, profile: str | None = None) -> Found:
    """Return which server to ask and with which key.

    The server is the one given, else `LAKEBED_SERVER`, else that of the profile, else
    `http://127.0.0.1:8000`. The key is that of the environment, else of the profile if
    the server is its own. `profile` None is `LAKEBED_PROFILE`, else `default`.

    Raises:
        InvalidRequestError: the profile was named and is not there, or the file is
            damaged.
    """
    named = profile or os.environ.get(PROFILE_VARIABLE)
    profiles = read_profiles()
    if named and named not in profiles:
        known = ", ".join(f"'{one}'" for one in sorted(profiles)) or "none"
        raise InvalidRequestError(
            f"no profile '{named}' (there is: {known}); "
            f"make it with: lakebed login URL --profile {named}"
        )
    found = profiles.get(named or DEFAULT_PROFILE)
    if profile is not None and server is None and found is not None:
        # Named in the program, it comes before the environment.
        server = found.server
    server = server or os.environ.get(SERVER_VARIABLE)
    if server is None:
        server = found.server if found is not None else DEFAULT_SERVER
    from_environment = os.environ.get(KEY_ID_VARIABLE) or os.environ.get(
        SECRET_VARIABLE
    )
    is_its_own = found is not None and found.server.rstrip("/") == str(server).rstrip(
        "/"
    )
    if found is None or not is_its_own or (from_environment and profile is None):
        return Found(server, has_profile=found is not None)
    return Found(server, found.access_key_id, found.secret_access_key, has_profile=True)


def read_profiles() -> dict[str, Profile]:
    """Return the profiles by name.

    Raises:
        InvalidRequestError: the file cannot be read.
    """
    path = profiles_path()
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequestError(f"cannot read profiles '{path}': {error}") from error
    try:
        return {name: _profile_of(row) for name, row in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, TypeError) as error:
        raise InvalidRequestError(
            f"cannot read profiles '{path}': damaged ({error}); "
            "remove it and log in again"
        ) from error


def _profile_of(row: object) -> Profile:
    match row:
        case {
            "server": str(server),
            "access_key_id": str(key_id),
            "secret_access_key": str(secret),
        }:
            return Profile(server, key_id, secret)
        case _:
            raise TypeError("a profile has server, access_key_id and secret_access_key")

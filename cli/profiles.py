"""Where the server is and who is asking, if the command line does not say.

`lakebed login` keeps a server and a key under a name, in `profiles.toml` of the user's
configuration, which nobody else may read. The server is `--server`, else
`LAKEBED_SERVER`, else that of the profile; the key that of the environment, else that of
the profile, which is sent to no server but its own.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from .exits import CommandError

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
class Target:
    """Which server to ask, and as whom; None leaves it to the client."""

    server: str | None
    access_key_id: str | None
    secret_access_key: str | None = field(repr=False)
    server_from: Literal["--server", "LAKEBED_SERVER", "profile", "default"]
    key_from: Literal["environment", "profile", "none"]
    profile: str
    """The name of the profile that counts, whether or not there is one."""


def profile_name() -> str:
    """Return the name of the profile that counts."""
    return os.environ.get(PROFILE_VARIABLE) or DEFAULT_PROFILE


def profiles_path() -> Path:
    """Return where the profiles are kept."""
    configuration = os.environ.get("XDG_CONFIG_HOME")
    folder = Path(configuration) if configuration else Path.home() / ".config"
    return folder / "lakebed" / FILE_NAME


def find_target(server: str | None) -> Target:
    """Return which server to ask and with which key, `server` being what was said.

    Raises:
        CommandError: the profile was named and is not there, or the file is damaged.
    """
    from lakebed.client.address import (
        DEFAULT_SERVER,
        KEY_ID_VARIABLE,
        SECRET_VARIABLE,
        SERVER_VARIABLE,
    )

    name = profile_name()
    profile = _find_needed(name)
    named = server or os.environ.get(SERVER_VARIABLE)
    if server:
        server_from: Literal["--server", "LAKEBED_SERVER", "profile", "default"]
        server_from = "--server"
    elif named:
        server_from = "LAKEBED_SERVER"
    elif profile is not None:
        named, server_from = profile.server, "profile"
    else:
        named, server_from = DEFAULT_SERVER, "default"
    if os.environ.get(KEY_ID_VARIABLE) or os.environ.get(SECRET_VARIABLE):
        # The client reads both, and complains if one is missing.
        return Target(named, None, None, server_from, "environment", name)
    if profile is not None and _same_server(profile.server, named):
        return Target(
            named,
            profile.access_key_id,
            profile.secret_access_key,
            server_from,
            "profile",
            name,
        )
    return Target(named, None, None, server_from, "none", name)


def _find_needed(name: str) -> Profile | None:
    profiles = read_profiles()
    if name not in profiles and os.environ.get(PROFILE_VARIABLE):
        known = ", ".join(f"'{one}'" for one in sorted(profiles)) or "none"
        raise CommandError(
            f"no profile '{name}' (there is: {known}); "
            f"make it with: lakebed login URL --profile {name}"
        )
    return profiles.get(name)


def _same_server(one: str, other: str | None) -> bool:
    return other is not None and one.rstrip("/") == other.rstrip("/")


def read_profiles() -> dict[str, Profile]:
    """Return the profiles by name.

    Raises:
        CommandError: the file cannot be read.
    """
    path = profiles_path()
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"cannot read profiles '{path}': {error}") from error
    import tomllib

    try:
        return {name: _profile_of(row) for name, row in tomllib.loads(text).items()}
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise CommandError(
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


def write_profile(name: str, profile: Profile | None) -> None:
    """Keep `profile` under `name`, in place of what was there; None removes it.

    The file is replaced as a whole, so that a stop leaves the old one or the new one, and
    has mode 0600 from its first byte.
    """
    profiles = read_profiles()
    if profile is None:
        profiles.pop(name, None)
    else:
        profiles[name] = profile
    path = profiles_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{FILE_NAME}.{os.getpid()}")
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

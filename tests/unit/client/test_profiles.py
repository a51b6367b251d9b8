"""Where the server and the key come from, and that a key goes to no other server."""

from __future__ import annotations

from pathlib import Path

import pytest
from lakebed.client import InvalidRequestError, connect
from lakebed.client.address import (
    DEFAULT_SERVER,
    KEY_ID_VARIABLE,
    SECRET_VARIABLE,
    SERVER_VARIABLE,
)
from lakebed.client.profiles import PROFILE_VARIABLE, Found, find_server

OURS, OTHER = "http://ours:8000", "http://other:8000"


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write profiles, and return their file."""
    for name in (PROFILE_VARIABLE, SERVER_VARIABLE, KEY_ID_VARIABLE, SECRET_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    file = tmp_path / "lakebed" / "profiles.toml"
    file.parent.mkdir()
    file.write_text(
        f'[default]\nserver = "{OURS}"\naccess_key_id = "A"\nsecret_access_key = "S"\n'
        f'[work]\nserver = "{OTHER}"\naccess_key_id = "B"\nsecret_access_key = "T"\n'
    )
    return file


def test_what_is_not_said_comes_from_the_profile() -> None:
    assert find_server(None) == Found(OURS, "A", "S")
    assert find_server(OURS + "/") == Found(OURS + "/", "A", "S")
    assert find_server(None, profile="work") == Found(OTHER, "B", "T")


def test_a_key_goes_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_server(OTHER) == Found(OTHER)
    assert find_server("./lake") == Found("./lake")
    assert find_server(OURS, profile="work") == Found(OURS)
    monkeypatch.setenv(SERVER_VARIABLE, OTHER)
    assert find_server(None) == Found(OTHER)


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROFILE_VARIABLE, "work")
    assert find_server(None) == Found(OTHER, "B", "T")
    monkeypatch.setenv(KEY_ID_VARIABLE, "E")
    assert find_server(None) == Found(OTHER)


def test_without_profiles_there_is_a_default(profiles: Path) -> None:
    profiles.unlink()

    assert find_server(None) == Found(DEFAULT_SERVER)


def test_a_profile_that_is_not_there_and_a_damaged_file(profiles: Path) -> None:
    with pytest.raises(InvalidRequestError, match=r"no profile 'none'.*'default', 'wo"):
        connect(profile="none")
    profiles.write_text("[default\n")
    with pytest.raises(InvalidRequestError, match="damaged"):
        connect()
    profiles.write_text("[default]\nserver = 1\n")
    with pytest.raises(InvalidRequestError, match="damaged"):
        connect()


def test_a_secret_is_in_no_repr() -> None:
    assert "'S'" not in repr(find_server(None))

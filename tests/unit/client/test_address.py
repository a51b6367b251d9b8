"""Where the server is, and who is asking."""

from __future__ import annotations

from pathlib import Path

import pytest
from lakebed.client import InvalidRequestError
from lakebed.client.address import (
    DEFAULT_SERVER,
    ServerDirectory,
    ServerUrl,
    find_access_key,
    parse_server,
)


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SERVER", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"LAKEBED_{name}", raising=False)


def test_an_url_loses_its_last_slash() -> None:
    assert parse_server("https://h:1/x/") == ServerUrl("https://h:1/x")


def test_what_has_no_scheme_is_a_directory(tmp_path: Path) -> None:
    assert parse_server("./lake") == ServerDirectory(Path("lake"))
    assert parse_server(tmp_path) == ServerDirectory(tmp_path)


def test_nothing_said_means_the_environment_then_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert parse_server(None) == ServerUrl(DEFAULT_SERVER)

    monkeypatch.setenv("LAKEBED_SERVER", "lake")

    assert parse_server(None) == ServerDirectory(Path("lake"))


def test_a_forgotten_scheme_is_pointed_out() -> None:
    with pytest.raises(InvalidRequestError, match="did you mean 'http://localhost:80'"):
        parse_server("localhost:80")


@pytest.mark.parametrize("server", ["ftp://h", "http://", "http://h:port", "http://["])
def test_an_url_of_another_kind_is_refused(server: str) -> None:
    with pytest.raises(InvalidRequestError, match="cannot use server"):
        parse_server(server)


def test_a_secret_in_an_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        parse_server("http://key:hush@host")

    assert "hush" not in str(caught.value)


def test_half_a_key_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBED_ACCESS_KEY_ID", "id")

    with pytest.raises(InvalidRequestError, match="LAKEBED_SECRET_ACCESS_KEY"):
        find_access_key(None, None)


def test_a_key_does_not_show_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEBED_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("LAKEBED_SECRET_ACCESS_KEY", "hush")

    key = find_access_key(None, None)

    assert key is not None
    assert (key.id, key.secret) == ("id", "hush")
    assert "hush" not in repr(key)


def test_what_the_caller_says_goes_before_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LAKEBED_ACCESS_KEY_ID", "id")

    key = find_access_key("mine", "secret")

    assert key is not None
    assert key.id == "mine"

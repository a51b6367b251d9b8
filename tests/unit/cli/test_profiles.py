"""Which server is asked, with which key, and what is kept where."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from lakebed.cli.exits import CommandError
from lakebed.cli.profiles import (
    find_target,
    read_profiles,
    write_profile,
)
from lakebed.client.profiles import Profile, profiles_path

KEPT = Profile("http://kept:8000", "ID", "secret")


@pytest.fixture(autouse=True)
def _configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("SERVER", "PROFILE", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
        monkeypatch.delenv(f"LAKEBED_{name}", raising=False)


def test_nothing_said_is_the_default_server_without_a_key() -> None:
    target = find_target(None)

    assert (target.server, target.server_from, target.key_from) == (
        "http://127.0.0.1:8000",
        "default",
        "none",
    )


def test_what_is_nearer_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile("default", KEPT)
    assert find_target(None).server_from == "profile"
    assert find_target(None).secret_access_key == "secret"

    monkeypatch.setenv("LAKEBED_SERVER", "http://other:1")
    assert find_target(None).server == "http://other:1"
    assert find_target("./lake").server == "./lake"


def test_a_kept_key_is_sent_to_no_other_server(monkeypatch: pytest.MonkeyPatch) -> None:
    write_profile("default", KEPT)
    monkeypatch.setenv("LAKEBED_SERVER", "http://other:1")

    assert find_target(None).access_key_id is None
    assert find_target(None).key_from == "none"
    assert find_target("http://kept:8000/").access_key_id == "ID"


def test_a_key_of_the_environment_is_taken_before_a_kept_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_profile("default", KEPT)
    monkeypatch.setenv("LAKEBED_ACCESS_KEY_ID", "OTHER")

    target = find_target(None)

    assert (target.key_from, target.secret_access_key) == ("environment", None)


def test_profiles_are_kept_side_by_side_and_for_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = Profile('http://x/"\\\n#', "é\x01", "]\u2028'")
    write_profile("default", KEPT)
    write_profile('odd "name" = []', odd)

    assert read_profiles() == {"default": KEPT, 'odd "name" = []': odd}
    assert stat.S_IMODE(profiles_path().stat().st_mode) == 0o600
    assert stat.S_IMODE(profiles_path().parent.stat().st_mode) == 0o700
    monkeypatch.setenv("LAKEBED_PROFILE", 'odd "name" = []')
    assert find_target(None).server == odd.server
    write_profile("default", None)
    assert list(read_profiles()) == ['odd "name" = []']
    assert [path.name for path in profiles_path().parent.iterdir()] == ["profiles.toml"]


def test_a_profile_that_is_not_there_is_named_with_those_that_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_profile("work", KEPT)
    monkeypatch.setenv("LAKEBED_PROFILE", "wrok")

    with pytest.raises(CommandError, match=r"no profile 'wrok'.*'work'"):
        find_target(None)


@pytest.mark.parametrize(
    "text", ["[", "x = 1", '[a]\nserver = "x"', "[a]\nserver = 1", "\udcff"]
)
def test_a_damaged_file_is_one_line_that_says_so(text: str) -> None:
    profiles_path().parent.mkdir(parents=True)
    profiles_path().write_bytes(text.encode(errors="surrogateescape"))

    with pytest.raises(CommandError, match="cannot read profiles") as caught:
        find_target(None)

    assert "\n" not in str(caught.value)

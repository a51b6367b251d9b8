"""Access keys and the master key that seals them."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.auth.secrets import (
    AccessKey,
    MasterKey,
    make_access_key,
    open_master_key,
)
from lakebed.server.errors import CorruptDataError, InvalidValueError, StartupError

MASTER = MasterKey(bytes(range(32)))


def test_a_sealed_secret_opens_again() -> None:
    key = make_access_key()

    sealed = MASTER.seal(key)

    assert key.secret.encode() not in sealed
    assert MASTER.unseal(key.id, sealed) == key.secret
    assert MASTER.seal(key) != sealed


@given(place=st.integers(min_value=0), bit=st.integers(0, 7))
def test_any_changed_bit_is_noticed(place: int, bit: int) -> None:
    key = AccessKey("KEYID", "some-secret")
    sealed = bytearray(MASTER.seal(key))
    sealed[place % len(sealed)] ^= 1 << bit

    with pytest.raises(CorruptDataError):
        MASTER.unseal(key.id, bytes(sealed))


def test_a_secret_opens_for_its_own_key_only() -> None:
    sealed = MASTER.seal(AccessKey("KEYID", "some-secret"))

    with pytest.raises(CorruptDataError):
        MASTER.unseal("OTHER", sealed)
    with pytest.raises(CorruptDataError):
        MasterKey(bytes(32)).unseal("KEYID", sealed)


def test_fresh_keys_differ_and_have_their_shape() -> None:
    keys = [make_access_key() for _ in range(50)]

    assert len({key.id for key in keys}) == len({key.secret for key in keys}) == 50
    assert {(len(key.id), len(key.secret)) for key in keys} == {(20, 40)}


def test_a_secret_is_not_shown() -> None:
    assert "some-secret" not in repr(AccessKey("KEYID", "some-secret"))


@pytest.mark.parametrize(
    ("key_id", "secret"),
    [
        ("", "long-enough"),
        ("a:b", "long-enough"),
        ("a/b", "long-enough"),
        ("a b", "long-enough"),
        ("fine", "short"),
        ("fine", "with\nnewline"),
        ("fine", "ümlauts-inside"),
        ("x" * 129, "long-enough"),
    ],
)
def test_keys_that_protocols_cannot_carry_are_refused(key_id: str, secret: str) -> None:
    with pytest.raises(InvalidValueError):
        AccessKey(key_id, secret)


def test_the_master_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    made = open_master_key(tmp_path, may_create=True)
    again = open_master_key(tmp_path, may_create=True)

    key = make_access_key()
    assert again.unseal(key.id, made.seal(key)) == key.secret
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["master.key"]


def test_a_missing_master_key_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"'master\.key' is missing"):
        open_master_key(tmp_path, may_create=False)

    assert not list(tmp_path.iterdir())


def test_a_damaged_master_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "master.key").write_bytes(b"short")

    with pytest.raises(StartupError, match="5 bytes long"):
        open_master_key(tmp_path, may_create=True)


def _seal(directory: str) -> bytes:
    return open_master_key(Path(directory), may_create=True).seal(
        AccessKey("KEYID", "some-secret")
    )


def test_processes_that_start_at_once_have_one_master_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        sealed = pool.map(_seal, [str(tmp_path)] * 6, chunksize=1)

    master = open_master_key(tmp_path, may_create=False)
    assert {master.unseal("KEYID", each) for each in sealed} == {"some-secret"}

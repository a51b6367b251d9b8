"""obstore: the Rust object_store, on which Polars, delta-rs and Lance rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.client_contract import ODD_PATHS, CopyingContract
from support.client_page import Section
from support.lakes import MANY_PATHS, Lake, noise

MIB = 1024 * 1024


class Obstore:
    def __init__(self, store: Any) -> None:
        self.store = store

    def write(self, key: str, data: bytes) -> None:
        self.store.put(key, data, chunk_size=5 * MIB)

    def read(self, key: str) -> bytes:
        return bytes(self.store.get(key).bytes())

    def list(self, prefix: str) -> list[str]:
        pages = self.store.list(prefix)
        return [each["path"] for page in pages for each in page]

    def delete(self, key: str) -> None:
        self.store.delete(key)

    def copy(self, source: str, destination: str) -> None:
        self.store.copy(source, destination)


@pytest.fixture
def client(documented: Callable[[str], Section]) -> Obstore:
    return Obstore(documented("obstore").run_python().store)


class TestObstore(CopyingContract):
    large_bytes = 12 * MIB
    odd_paths = tuple(
        path for path in ODD_PATHS if not {"", ".", ".."} & set(path.split("/"))
    )


def test_ranges_are_what_was_asked_for(lake: Lake, client: Obstore) -> None:
    data = noise(3 * MIB)
    lake.write("main/path", data)

    found = client.store.get_ranges(
        "main/path", starts=[0, 2 * MIB], ends=[10, 2 * MIB + 5]
    )

    assert [bytes(each) for each in found] == [data[:10], data[2 * MIB : 2 * MIB + 5]]


def test_one_of_two_creators_wins(lake: Lake, client: Obstore) -> None:
    client.store.put("main/path", b"first", mode="create")

    with pytest.raises(Exception, match="already exists"):
        client.store.put("main/path", b"second", mode="create")

    assert lake.read("main/path") == b"first"


def test_an_update_needs_the_version_that_is_there(lake: Lake, client: Obstore) -> None:
    first = client.store.put("main/path", b"first")
    client.store.put("main/path", b"second", mode=first)

    with pytest.raises(Exception, match=r"(?i)precondition"):
        client.store.put("main/path", b"third", mode=first)

    assert lake.read("main/path") == b"second"


def test_a_copy_replaces_nothing_if_it_is_told_so(lake: Lake, client: Obstore) -> None:
    lake.write("main/a", b"a")
    lake.write("main/b", b"b")

    client.store.copy("main/a", "main/c", overwrite=False)
    with pytest.raises(Exception, match="already exists"):
        client.store.copy("main/a", "main/b", overwrite=False)

    assert lake.read("main/b") == b"b"
    assert lake.read("main/c") == b"a"


def test_a_listing_goes_on_behind_a_key(lake: Lake, client: Obstore) -> None:
    for name in "abcd":
        lake.write(f"main/{name}", b"x")

    pages = client.store.list("main", offset="main/b")

    assert [each["path"] for page in pages for each in page] == ["main/c", "main/d"]


@pytest.mark.parametrize("lake", ["full"], indirect=True)
def test_many_keys_go_at_once(lake: Lake, client: Obstore) -> None:
    lake.branch("obstore")

    client.store.delete([f"obstore/{path}" for path in MANY_PATHS[1:]])

    assert lake.list_keys("obstore") == [f"obstore/{MANY_PATHS[0]}"]

"""What every client can do with a lake, and how the tests drive each of them.

A client is held to `ClientContract` by a subclass with a fixture `client`. What it writes
is read back by another protocol and what it reads was written by another, so that an
error that a client makes in both directions shows.
"""

from __future__ import annotations

from typing import ClassVar, Protocol

import pytest

from support.lakes import MANY_PATHS, Lake, noise

ODD_PATHS = (
    "with space.txt",
    "two  spaces/ at the start",
    "plus+sign",
    "per%cent",
    "per%20cent",
    "per%2Fcent",
    "hash#mark",
    "question?mark",
    "a&b=c;d,e",
    "quote'double\"",
    "(round)[square]{curly}",
    "star*",
    "back\\slash",
    "~tilde",
    "at@sign:colon|pipe$dollar!",
    "<angle>",
    "ünïcødé/文件",
    "duck 🦆",
    "two//slashes",
    "dots/../up",
    "./dot",
)


FEW_ODD_PATHS = (
    "a b+c%20d%2Fe#f?g",
    "quote'(round)[square]{curly}&h=i;j,k!$@:|~",
    "ünïcødé/文件 🦆",
    "two//slashes",
)
"""The same for programs, which take a good part of a second to start."""


class S3Client(Protocol):
    """A client as the tests drive it. Keys are `REF/PATH` in the repository."""

    def write(self, key: str, data: bytes) -> None: ...

    def read(self, key: str) -> bytes: ...

    def list(self, prefix: str) -> list[str]:
        """Return every key below the folder `prefix`, which ends in a slash."""
        ...

    def delete(self, key: str) -> None: ...


class CopyingClient(S3Client, Protocol):
    """A client that can copy an object without reading it."""

    def copy(self, source: str, destination: str) -> None: ...


class ClientContract:
    """Holds a client to what all of them can do."""

    refusals: ClassVar[tuple[type[Exception], ...]] = (Exception,)
    """What the client raises when the server refuses."""
    large_bytes: ClassVar[int]
    """More than the client sends in one piece, as the page sets it up."""
    odd_paths: ClassVar[tuple[str, ...]] = ODD_PATHS
    """Those that the client can name; what it cannot is on the page."""

    @pytest.mark.parametrize("size_bytes", [0, 1, 70_000])
    def test_an_object_arrives_as_it_is(
        self, lake: Lake, client: S3Client, size_bytes: int
    ) -> None:
        data = noise(size_bytes)

        client.write("main/folder/object", data)

        assert lake.read("main/folder/object") == data
        assert client.read("main/folder/object") == data

    def test_a_large_object_arrives_in_parts(
        self, lake: Lake, client: S3Client
    ) -> None:
        data = noise(self.large_bytes)

        client.write("main/large", data)

        assert lake.read("main/large") == data
        assert client.read("main/large") == data
        assert "-" in lake.etag("main/large"), "it was sent in one piece"

    def test_any_name_is_a_name(self, lake: Lake, client: S3Client) -> None:
        for number, path in enumerate(self.odd_paths):
            client.write(f"main/odd/{path}", b"%d" % number)

        written = [f"main/odd/{path}" for path in self.odd_paths]
        assert sorted(lake.list_keys()) == sorted(written)
        assert sorted(client.list("main/odd/")) == sorted(written)
        for number, key in enumerate(written):
            assert lake.read(key) == b"%d" % number
            assert client.read(key) == b"%d" % number
            client.delete(key)
        # Some leave a marker where a folder was.
        assert [key for key in lake.list_keys() if not key.endswith("/")] == []

    def test_a_listing_is_of_one_ref_and_one_folder(
        self, lake: Lake, client: S3Client
    ) -> None:
        for path in ("a", "b/1", "b/2", "b/c/3", "bb"):
            lake.write(f"main/{path}", b"x")
        lake.commit()
        lake.branch("dev")
        lake.write("dev/b/4", b"x")

        assert sorted(client.list("main/b/")) == ["main/b/1", "main/b/2", "main/b/c/3"]
        assert sorted(client.list("dev/b/"))[2:] == ["dev/b/4", "dev/b/c/3"]

    @pytest.mark.parametrize("lake", ["full"], indirect=True)
    def test_a_listing_goes_over_pages(self, lake: Lake, client: S3Client) -> None:
        found = client.list("main/many/")

        assert sorted(found) == [f"main/{path}" for path in MANY_PATHS]

    def test_a_later_write_replaces_and_a_delete_removes(
        self, lake: Lake, client: S3Client
    ) -> None:
        client.write("main/path", b"first, and longer")
        client.write("main/path", b"second")
        assert client.read("main/path") == b"second"

        client.delete("main/path")

        assert lake.list_keys() == []
        with pytest.raises(self.refusals):
            client.read("main/path")

    def test_a_tag_and_a_commit_keep_what_they_had(
        self, lake: Lake, client: S3Client
    ) -> None:
        client.write("main/path", b"old")
        commit_id = lake.commit()
        lake.tag("v1")
        client.write("main/path", b"new")
        lake.commit()

        assert client.read("main/path") == b"new"
        assert client.read("v1/path") == b"old"
        assert client.read(f"{commit_id}/path") == b"old"
        assert client.list("v1/") == ["v1/path"]

    def test_a_tag_takes_no_writes(self, lake: Lake, client: S3Client) -> None:
        lake.write("main/path", b"old")
        lake.commit()
        lake.tag("v1")

        with pytest.raises(self.refusals):
            client.write("v1/path", b"new")

        assert lake.read("v1/path") == b"old"

    @pytest.mark.parametrize("key", [{"main": "read", "dev": "write"}], indirect=True)
    def test_a_key_needs_no_more_than_it_is_granted_for(
        self, lake: Lake, client: S3Client, key: object
    ) -> None:
        """Clients look at buckets before they write, or want to create them."""
        del key
        lake.write("main/path", b"main")
        lake.commit()
        lake.branch("dev")
        lake.branch("other")

        client.write("dev/path", b"dev")

        assert client.read("dev/path") == b"dev"
        assert client.read("main/path") == b"main"
        assert client.list("main/") == ["main/path"]
        for refused in (
            lambda: client.write("main/path", b"x"),
            lambda: client.read("other/path"),
        ):
            with pytest.raises(self.refusals):
                refused()
        assert lake.read("main/path") == b"main"


class CopyingContract(ClientContract):
    """Holds a client that copies on the server to what that means here."""

    def test_a_copy_goes_from_a_tag_to_a_branch(
        self, lake: Lake, client: CopyingClient
    ) -> None:
        data = noise(70_000)
        lake.write("main/a folder/path+", data)
        lake.commit()
        lake.tag("v1")
        lake.branch("dev")

        client.copy("v1/a folder/path+", "dev/copied/path")

        assert lake.read("dev/copied/path") == data
        assert lake.etag("dev/copied/path") == lake.etag("main/a folder/path+")
        assert lake.list_keys() == ["main/a folder/path+"]

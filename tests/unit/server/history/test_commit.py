"""Commit bytes: they round-trip, and they never change by accident."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.errors import CorruptDataError, InvalidValueError
from lakebed.server.history.commit import Commit, decode_commit, make_commit
from lakebed.server.ids import ContentId, NodeId

GOLDEN = Path(__file__).parents[3] / "golden"

digests = st.binary(min_size=32, max_size=32)
texts = st.text(st.characters(codec="utf-8"), max_size=20)


def make(parents: tuple[Commit, ...] = (), **changes: object) -> tuple[Commit, bytes]:
    values: dict[str, object] = {
        "tree_id": NodeId(bytes(range(32))),
        "content_id": ContentId(bytes(32)),
        "committer": "ada",
        "message": "Clean the penguins",
        "created_ms": 1_795_474_983_590,
        "metadata": {"b": "2", "a": "1"},
    }
    return make_commit(parents=parents, **(values | changes))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@given(
    tree_id=digests,
    committer=texts,
    message=texts,
    created_ms=st.integers(0, 2**50),
    metadata=st.dictionaries(texts, texts, max_size=4),
)
def test_a_commit_round_trips(
    tree_id: bytes,
    committer: str,
    message: str,
    created_ms: int,
    metadata: dict[str, str],
) -> None:
    first, _ = make()
    commit, data = make(
        (first,),
        tree_id=NodeId(tree_id),
        committer=committer,
        message=message,
        created_ms=created_ms,
        metadata=metadata,
    )

    assert decode_commit(data) == commit
    assert (commit.tree_id, commit.message) == (tree_id, message)
    assert dict(commit.metadata) == metadata
    assert commit.parents == (first.id,)
    assert commit.generation == 1


@given(cut=st.integers(min_value=1))
def test_a_truncated_commit_is_corrupt(cut: int) -> None:
    _, data = make()

    with pytest.raises(CorruptDataError):
        decode_commit(data[: -(1 + cut % len(data))])


@given(noise=st.binary())
def test_noise_decodes_or_is_corrupt_but_never_crashes(noise: bytes) -> None:
    with suppress(CorruptDataError):
        decode_commit(noise)


def test_commit_bytes_are_those_of_version_1() -> None:
    """A failure here means that existing repositories can no longer be read."""
    first, _ = make()
    commit, data = make((first,))
    golden, golden_id = (GOLDEN / "commit-v1.hex").read_text().split()

    assert data.hex() == golden
    assert commit.id.hex() == golden_id
    assert decode_commit(bytes.fromhex(golden)) == commit


def test_a_long_message_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match="message") as error:
        make(message="x" * 70_000)

    assert error.value.field == "message"

"""Proofs from a server, through the handles: made, checked, kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from lakebed.client import (
    InvalidProofError,
    NotFoundError,
    ObjectUpload,
    Repository,
    verify_proof,
    wire,
)
from lakebed.client.proofs import verify_answer


def test_a_proof_is_checked_without_the_server(
    repository: Repository, tmp_path: Path
) -> None:
    main = repository.branch("main")
    uploads = (ObjectUpload(f"many/{number:05}", b"x") for number in range(3000))
    repository.lake.client.upload_objects("penguins", "main", uploads)
    main.upload(
        "raw/table.csv", b"a,b\n", content_type="text/csv", metadata={"owner": "ann"}
    )
    commit = main.commit("Add a table")
    main.upload("raw/table.csv", b"staged")

    proof = main.prove("raw/table.csv")
    missing = main.prove("raw/table.tsv")

    assert proof.commit == commit
    assert len(wire.decode(proof.document, wire.Proof).nodes) > 1
    assert proof.object == repository.ref(commit.id).stat("raw/table.csv")
    assert (missing.object, missing.blob_id) == (None, None)
    kept = tmp_path / "proof.json"
    kept.write_bytes(proof.document)
    program = (
        "import sys, lakebed.client as c\n"
        f"print(c.verify_proof(open({str(kept)!r}, 'rb').read(), "
        f"{commit.id!r}, 'raw/table.csv').blob_id)\n"
        "assert 'aiohttp' not in sys.modules"
    )
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    # What `b3sum` prints for "a,b\n".
    assert said.stdout.strip() == proof.blob_id
    with pytest.raises(InvalidProofError, match=r"'raw/other\.csv'"):
        verify_proof(proof.document, commit.id, "raw/other.csv")
    with pytest.raises(NotFoundError):
        repository.ref("nosuch").prove("a")


def test_a_commit_that_is_named_is_held_to(repository: Repository) -> None:
    """Whatever the server answers for it."""
    main = repository.branch("main")
    main.upload("a", b"1")
    first = main.commit("one")
    answer = repository.lake.client.prove("penguins", "main", "a")

    assert verify_answer(answer, "main", "a").commit == first
    with pytest.raises(InvalidProofError, match="another commit"):
        verify_answer(answer, "0" * 64, "a")

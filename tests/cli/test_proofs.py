"""`lakebed prove`: made, kept, checked without a server, refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import Lakebed


def test_a_proof_is_kept_and_checked_without_a_server(
    lakebed: Lakebed,
    repository: str,
    put: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put(f"{repository}/main/a", "one")
    commit = lakebed("commit", f"{repository}/main", "-m", "m", "--json").json["id"]
    put(f"{repository}/main/a", "two")
    lakebed("commit", f"{repository}/main", "-m", "m")
    at, kept = f"{repository}/{commit}/a", str(tmp_path / "proof.json")

    made = lakebed("prove", at, "-o", kept, "--json").json

    monkeypatch.setenv("LAKEBED_SERVER", "http://127.0.0.1:1")
    assert lakebed("prove", at, "--check", kept, "--json").json == made
    assert made["commit_id"] == commit
    assert made["size_bytes"] == 3
    for arguments, code, message in (
        ((f"{repository}/{commit}/b", "--check", kept), 6, "about another path"),
        ((f"{repository}/{'0' * 64}/a", "--check", kept), 6, "about another commit"),
        ((f"{repository}/main/a", "--check", kept), 2, "'main' is no whole commit id"),
        ((at, "--check", str(tmp_path / "none")), 3, "no such file"),
        ((f"{repository}/main/a",), 5, "cannot reach"),
    ):
        refused = lakebed("prove", *arguments, succeeds=False)
        assert (refused.code, message in refused.err) == (code, True), refused


def test_that_nothing_is_there_is_proved_too(
    lakebed: Lakebed, repository: str, tmp_path: Path
) -> None:
    kept = tmp_path / "proof.json"

    made = lakebed("prove", f"{repository}/main/a", "-o", str(kept), succeeds=False)

    assert made.code == 3
    assert "nothing lies at 'a'" in made.err
    assert kept.exists()

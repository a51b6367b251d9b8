"""Proofs over REST: of what is committed, be it nothing."""

from __future__ import annotations

import pytest
from lakebed.client import verify_proof

from support.asking import Asker


async def test_a_proof_is_of_what_is_committed(ask: Asker) -> None:
    await ask.put("a", b"1")
    commit_id = await ask.commit()
    await ask.put("a", b"22")
    await ask.put("b", b"staged")

    for ref in ("main", "main@", "main~0", commit_id, commit_id[:12]):
        there = await ask("GET", f"/lake/refs/{ref}/proof?path=a")
        missing = await ask("GET", f"/lake/refs/{ref}/proof?path=b")

        proved = verify_proof(there.data, commit_id, "a").object
        assert proved is not None
        assert proved.size_bytes == 1
        assert verify_proof(missing.data, commit_id, "b").object is None
    before = await ask("GET", "/lake/refs/main~1/proof?path=a")
    assert before.json["commit_id"] != commit_id
    assert verify_proof(before.data, before.json["commit_id"], "a").object is None


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/lake/refs/nosuch/proof?path=a", 404, "ref-not-found"),
        ("/none/refs/main/proof?path=a", 404, "repository-not-found"),
        ("/lake/refs/main/proof", 400, "invalid-value"),
        ("/lake/refs/main/proof?path=", 400, "invalid-path"),
        ("/lake/refs/main/proof?path=%00", 400, "invalid-path"),
        ("/lake/refs/main~~x/proof?path=a", 400, "invalid-ref-expression"),
    ],
)
async def test_what_cannot_be_proved_is_refused(
    ask: Asker, path: str, status: int, code: str
) -> None:
    answer = await ask("GET", path)

    assert (answer.status, answer.json["code"]) == (status, code)

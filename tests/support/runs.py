"""Runs over REST: beginning them, adding to them, ending them, asking with their keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession, encode_basic_auth, hdrs
from lakebed.server.auth.secrets import AccessKey
from yarl import URL

from .api import Served
from .asking import Answer, Asker

PARTS: dict[str, Any] = {
    "code": {
        "kind": "git",
        "argv": ["python", "train.py", "--rate", "0.1"],
        "directory": ".",
        "commit": "a" * 40,
        "is_pushed": True,
    },
    "environment": {"python": "3.11.9"},
    "hardware": {"machine": "x86_64"},
    "seeds": {"seed": 42},
}


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that goes on, with its key."""

    id: str
    key: AccessKey
    shown: Any
    """As the server shows it."""
    path: str
    """Below the repositories."""


async def begin(
    ask: Asker, repository: str = "lake", headers: Any = None, **wish: Any
) -> Begun:
    """Begin a run; fails if the server refuses."""
    answer = await ask(
        "POST", f"/{repository}/runs", json={**PARTS, **wish}, headers=headers
    )
    assert answer.status == 201, answer
    body = answer.json
    return Begun(
        body["run"]["id"],
        AccessKey(body["access_key_id"], body["secret_access_key"]),
        body["run"],
        f"/{repository}/runs/{body['run']['id']}",
    )


async def append(
    ask: Asker, run: Begun, sequence: int = 1, writer: str = "w", **batch: Any
) -> Answer:
    """Add a batch to a run."""
    body = {"writer": writer, "sequence": sequence, **batch}
    return await ask("POST", f"{run.path}/batches", json=body)


async def end(ask: Asker, run: Begun, status: str = "succeeded", **end: Any) -> Any:
    """End a run and return how it is shown then."""
    answer = await ask("POST", f"{run.path}/end", json={"status": status, **end})
    assert answer.status == 200, answer
    return answer.json


def session_of(server: Served, run: Begun) -> ClientSession:
    """Return a session that signs in with the key of `run`."""
    authorization = encode_basic_auth(run.key.id, run.key.secret)
    return ClientSession(server.url, headers={hdrs.AUTHORIZATION: authorization})


async def get(ask: Asker, path: str) -> Answer:
    """Send a GET below `/api/v1`."""
    url = URL(f"/api/v1{path}", encoded=True)
    async with ask.session.get(url) as response:
        return Answer(response.status, response.headers, await response.read())

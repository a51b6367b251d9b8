"""Asking a REST server and looking at the whole answer."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientSession
from multidict import CIMultiDictProxy
from yarl import URL

REPOSITORIES = "/api/v1/repositories"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response, read to its end."""

    status: int
    headers: CIMultiDictProxy[str]
    data: bytes

    @property
    def json(self) -> Any:
        """The body, which is JSON."""
        assert self.headers["Content-Type"] == "application/json", self
        return json.loads(self.data)

    @property
    def paths(self) -> list[str]:
        """The paths of a page of objects or differences."""
        return [item["path"] for item in self.json["results"]]


class Asker:
    """Sends requests below `/api/v1/repositories`."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session

    async def __call__(self, method: str, path: str, **options: Any) -> Answer:
        """Send a request and return its answer; `path` is sent as it is written."""
        url = URL(REPOSITORIES + path, encoded=True)
        async with self.session.request(method, url, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def put(
        self, path: str, data: bytes = b"x", *, branch: str = "main"
    ) -> Answer:
        """Upload an object of the repository `lake`."""
        route = f"/lake/branches/{branch}/objects?path={path}"
        return await self("POST", route, data=io.BytesIO(data))

    async def commit(self, message: str = "m", *, branch: str = "main") -> str:
        """Commit a branch of the repository `lake`; return the commit's id."""
        route = f"/lake/branches/{branch}/commits"
        answer = await self("POST", route, json={"message": message})
        assert answer.status == 201, answer
        return str(answer.json["id"])

"""What the client asks of a server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from lakebed.client.transport import Call, Transport


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that was sent."""

    method: str
    path: str
    range: str = ""


def note_requests(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Return a list that gets every request of this process from now on."""
    seen: list[Asked] = []
    send: Any = vars(Transport)["_send_once"]

    async def note(self: Transport, call: Call, *args: Any, **options: Any) -> Any:
        seen.append(Asked(call.method, call.path, call.headers.get("Range", "")))
        return await send(self, call, *args, **options)

    monkeypatch.setattr(Transport, "_send_once", note)
    return seen

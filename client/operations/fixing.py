"""A ref that does not move, for what is read in several requests.

In the repository `models` a moving ref has a sibling that stays: `fraud@prod` that of the
version that it is at, `fraud@3`. Who may read the one may read the other, which is not so
for the id of a commit. So a model that is read while somebody promotes another one comes
out as one version, or as an error.
"""

from __future__ import annotations

import re

from ..errors import NotFoundError
from ..transport import Call, Transport
from ..wire import Page, Ref, routes
from ..wire.models import Model, ModelVersion

MODELS = "models"
"""The repository of the files of models."""

_MOVING = re.compile(
    r"(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)(?:@(?P<at>[A-Za-z0-9_][^@~^$]*))?"
)


async def fix_ref(transport: Transport, repository: str, ref: str) -> str:
    """Return the ref of the version that `ref` of `models` is at; others as they are.

    Raises:
        NotFoundError: there is no such model, or alias.
    """
    match = _MOVING.fullmatch(ref) if repository == MODELS else None
    if match is None:
        return ref
    name, at = match["name"], match["at"]
    if at is not None and at.isdecimal():
        return ref
    if at is None:
        path = routes.fill(routes.MODEL, model=name)
        call = Call(f"read model '{name}'", "GET", path, repeatable=True)
        number = (await transport.fetch(call, Model)).latest
        return f"{name}@{number}" if number else ref
    path = routes.fill(routes.MODEL_VERSION, model=name, version=at)
    call = Call(f"read '{ref}'", "GET", path, repeatable=True)
    return f"{name}@{(await transport.fetch(call, ModelVersion)).version}"


async def find_version_ref(transport: Transport, ref: str, commit_id: str) -> str:
    """Return the ref of the version of a model whose files a commit has.

    Args:
        ref: of `models`, that was at the commit.
        commit_id: the commit.

    Raises:
        NotFoundError: the version was deleted.
    """
    name = ref.partition("@")[0]
    after = ""
    while True:
        call = Call(
            f"list versions of '{name}'",
            "GET",
            routes.fill(routes.TAGS, repository=MODELS),
            query=(("prefix", f"{name}@"), ("amount", "1000"), ("after", after)),
            repeatable=True,
        )
        page = await transport.fetch(call, Page[Ref])
        for found in page.results:
            if found.commit_id == commit_id:
                return found.id
        if not page.pagination.has_more:
            raise NotFoundError(f"version not found: commit '{commit_id}' of '{name}'")
        after = page.pagination.next_offset

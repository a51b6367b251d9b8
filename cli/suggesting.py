"""Did you mean: what was not found, compared with what is there.

A mistake never costs more than a few requests: names are taken from a page that begins
with the same character, then from the first page of all; of a path, folder by folder.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lakebed.client import AsyncClient, NotFoundError

CANDIDATES_MAX = 1000
"""Names of one kind that a misspelt one is compared with: one page."""

FOLDERS_MAX = 6
"""Folders of a path that are looked into; what lies deeper gets no suggestion."""

CUTOFF = 0.6
"""How alike two names must be: `mian` and `main` are at 0.75, `dev` and `main` at 0."""


async def suggest(lake: AsyncClient, error: NotFoundError) -> str:
    """Return "; did you mean ...?" if there is something like what was not found."""
    from lakebed import client

    try:
        return await _suggest(lake, error)
    except client.ClientError:
        # A hint that cannot be had is no reason to hide what went wrong.
        return ""


async def _suggest(lake: AsyncClient, error: NotFoundError) -> str:
    fields = error.fields
    repository, ref, path = (
        fields.get("repository"),
        fields.get("ref"),
        fields.get("path"),
    )
    user = fields.get("user")
    if isinstance(repository, str) and error.code == "repository-not-found":
        return await _among(
            repository,
            lambda prefix: _ids(
                lake.iter_repositories(prefix=prefix, limit=CANDIDATES_MAX)
            ),
            otherwise="; see: lakebed repo list",
        )
    if isinstance(user, str) and error.code == "user-not-found":
        return await _among(
            user,
            lambda prefix: _ids(lake.iter_users(prefix=prefix, limit=CANDIDATES_MAX)),
            otherwise="; see: lakebed user list",
        )
    model = fields.get("model")
    if isinstance(model, str):
        return await _suggest_model(lake, error.code, model, fields.get("version"))
    if not isinstance(repository, str) or not isinstance(ref, str):
        return ""
    if isinstance(path, str):
        found = await _closest_path(lake, repository, ref, path)
        return _did_you_mean(found)

    async def refs(prefix: str) -> AsyncIterator[str]:
        async for name in _ids(
            lake.iter_branches(repository, prefix=prefix, limit=CANDIDATES_MAX)
        ):
            yield name
        async for name in _ids(
            lake.iter_tags(repository, prefix=prefix, limit=CANDIDATES_MAX)
        ):
            yield name

    return await _among(ref, refs, otherwise=f"; see: lakebed ls {repository}")


async def _suggest_model(
    lake: AsyncClient, code: str, model: str, version: object
) -> str:
    """Return the suggestion for a model, or for a version or alias of one."""
    if code == "model-not-found":

        async def names(prefix: str) -> AsyncIterator[str]:
            async for found in lake.iter_models(prefix=prefix, limit=CANDIDATES_MAX):
                yield found.name

        return await _among(model, names, otherwise="; see: lakebed model list")
    found = closest(str(version), [*(await lake.get_model(model)).aliases])
    return _did_you_mean(found) or f"; see: lakebed model show {model}"


async def _ids(listing: AsyncIterator[object]) -> AsyncIterator[str]:
    async for found in listing:
        yield str(getattr(found, "id", ""))


async def _among(
    name: str,
    names: Callable[[str], AsyncIterator[str]],
    *,
    otherwise: str,
) -> str:
    """Return the suggestion for `name` among those that `names` gives for a prefix."""
    for prefix in (name[:1], ""):
        found = closest(name, [one async for one in names(prefix)])
        if found is not None:
            return _did_you_mean(found)
    return otherwise


async def _closest_path(
    lake: AsyncClient, repository: str, ref: str, path: str
) -> str | None:
    """Return the path that is most like `path`, each folder by itself."""
    parts = path.split("/")
    if len(parts) > FOLDERS_MAX:
        return None
    known = ""
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        wanted = part if is_last else f"{part}/"
        if not wanted:
            return known
        found: str | None = None
        for start in (part[:1], ""):
            listing = lake.iter_objects(
                repository,
                ref,
                prefix=known + start,
                delimiter="/",
                limit=CANDIDATES_MAX,
            )
            names = [one.path[len(known) :] async for one in listing]
            # A folder that was named like an object is a good guess too.
            found = closest(wanted, names) or closest(f"{part}/", names)
            if found is not None:
                break
        if found is None:
            return None
        known += found
        if not is_last and not found.endswith("/"):
            return known
    return known if known != path else None


def closest(name: str, candidates: Sequence[str]) -> str | None:
    """Return the one of `candidates` that is most like `name`, None if none is."""
    if name in candidates:
        return name
    close = difflib.get_close_matches(name, candidates, n=1, cutoff=CUTOFF)
    return close[0] if close else None


def _did_you_mean(name: str | None) -> str:
    return f"; did you mean '{name}'?" if name is not None else ""

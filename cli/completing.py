"""Complete repositories, branches, tags and paths, as the server has them.

A shell asks while somebody waits with a finger on the key: what does not come in time is
left out, and whatever goes wrong shows nothing at all. Candidates for what has something
below them end with `/`, after which shells set no space.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import typer

from .addresses import SCHEMES

if TYPE_CHECKING:
    from lakebed.client import AsyncClient


LINE_VARIABLE = "_LAKEBED_COMPLETE_LINE"
"""Set by the scripts of shells: the command line up to the cursor."""

TIMEOUT_S = 1.5
"""Longest wait for the server; after twice that people type on and are disturbed."""

CANDIDATES_MAX = 200
"""Names offered at most: shells ask before they print more than a hundred."""


def complete_repository(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete REPO."""
    return _complete(ctx, lambda lake: _find_repositories(lake, incomplete, end=""))


def complete_branch(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete REPO/BRANCH."""
    return _complete(ctx, lambda lake: _find_below(lake, incomplete, tags=False))


def complete_tag(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete REPO/TAG."""
    return _complete(ctx, lambda lake: _find_below(lake, incomplete, branches=False))


def complete_ref(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete REPO/REF."""
    return _complete(ctx, lambda lake: _find_below(lake, incomplete))


def complete_object(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete REPO/REF/PATH."""
    return _complete(ctx, lambda lake: _find_below(lake, incomplete, paths=True))


def complete_run(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete the id of a run, of the newest ones."""

    async def find(lake: AsyncClient) -> list[str]:
        listing = lake.iter_runs(limit=CANDIDATES_MAX)
        return [run.id async for run in listing if run.id.startswith(incomplete)]

    return _complete(ctx, find)


def complete_location(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete an address with a scheme; a local path is the shell's own affair."""
    if not incomplete.startswith(SCHEMES):
        if incomplete and SCHEMES[0].startswith(incomplete):
            return [SCHEMES[0]]
        return []
    return complete_object(ctx, incomplete)


def complete_ref_beside(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete REF, of the repository that the argument before it names."""
    named = [text for text in ctx.params.values() if isinstance(text, str) and text]
    repository = _without_scheme(named[0])[1].partition("/")[0] if named else ""
    if "/" in incomplete or not repository:
        return complete_ref(ctx, incomplete)
    return _complete(ctx, lambda lake: _find_refs(lake, repository, incomplete))


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete NAME, and behind an `@` its versions and aliases."""
    return _complete(ctx, lambda lake: _find_models(lake, incomplete))


def complete_subject(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a model and its versions, the id of a run, or an address."""
    if "/" in incomplete:
        return complete_object(ctx, incomplete)

    async def find(lake: AsyncClient) -> list[str]:
        listing = lake.iter_runs(limit=CANDIDATES_MAX)
        runs = [run.id async for run in listing if run.id.startswith(incomplete)]
        return [*await _find_models(lake, incomplete), *runs]

    return _complete(ctx, find)


def complete_path_beside(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete PATH, at the ref that the argument before it names."""
    named = [text for text in ctx.params.values() if isinstance(text, str) and text]
    if not named:
        return []
    start = f"{_without_scheme(named[0])[1].rstrip('/')}/"

    async def find(lake: AsyncClient) -> list[str]:
        found = await _find_below(lake, start + incomplete, paths=True)
        return [one.removeprefix(start) for one in found]

    return _complete(ctx, find)


def _complete(
    ctx: typer.Context, find: Callable[[AsyncClient], Awaitable[list[str]]]
) -> list[str]:
    import asyncio

    from lakebed.client import NO_RETRIES, AsyncClient

    from .profiles import find_target

    async def work() -> list[str]:
        target = find_target(_named_server(ctx))
        async with (
            asyncio.timeout(TIMEOUT_S),
            AsyncClient(
                target.server,
                access_key_id=target.access_key_id,
                secret_access_key=target.secret_access_key,
                retries=NO_RETRIES,
                timeout_s=TIMEOUT_S,
            ) as lake,
        ):
            return await find(lake)

    try:
        found = asyncio.run(work())
    except Exception:  # noqa: BLE001 - nobody asked for an error in the middle of a line
        return []
    # A name that a shell would have to be told on two lines is not offered.
    return [one for one in found if one.isprintable()]


def _named_server(ctx: typer.Context) -> str | None:
    place: Any = ctx
    while place is not None:
        server = place.params.get("server")
        if isinstance(server, str):
            return server
        place = place.parent
    return None


async def _find_repositories(lake: AsyncClient, prefix: str, *, end: str) -> list[str]:
    listing = lake.iter_repositories(prefix=prefix, limit=CANDIDATES_MAX)
    return [found.id + end async for found in listing]


async def _find_models(lake: AsyncClient, text: str) -> list[str]:
    name, sign, at = text.partition("@")
    if not sign:
        listing = lake.iter_models(prefix=name, limit=CANDIDATES_MAX)
        return [found.name async for found in listing]
    model = await lake.get_model(name)
    versions = lake.iter_model_versions(name, limit=CANDIDATES_MAX)
    names = [*model.aliases, *[str(found.version) async for found in versions]]
    return [f"{name}@{found}" for found in names if found.startswith(at)]


async def _find_refs(
    lake: AsyncClient,
    repository: str,
    prefix: str,
    *,
    branches: bool = True,
    tags: bool = True,
) -> list[str]:
    names: list[str] = []
    if branches:
        listing = lake.iter_branches(repository, prefix=prefix, limit=CANDIDATES_MAX)
        names += [found.id async for found in listing]
    if tags:
        listing = lake.iter_tags(repository, prefix=prefix, limit=CANDIDATES_MAX)
        names += [found.id async for found in listing]
    return names


async def _find_below(
    lake: AsyncClient,
    text: str,
    *,
    branches: bool = True,
    tags: bool = True,
    paths: bool = False,
) -> list[str]:
    """Return what `text` may become: the next of repository, ref and path."""
    scheme, rest = _without_scheme(text)
    parts = rest.split("/", 2)
    match parts:
        case [name]:
            return [
                scheme + found
                for found in await _find_repositories(lake, name, end="/")
            ]
        case [repository, ref]:
            found = await _find_refs(
                lake, repository, ref, branches=branches, tags=tags
            )
            end = "/" if paths else ""
            return [f"{scheme}{repository}/{name}{end}" for name in found]
        case [repository, ref, path] if paths:
            listing = lake.iter_objects(
                repository, ref, prefix=path, delimiter="/", limit=CANDIDATES_MAX
            )
            start = f"{scheme}{repository}/{ref}/"
            return [start + found.path async for found in listing]
        case _:
            return []


def _without_scheme(text: str) -> tuple[str, str]:
    for scheme in SCHEMES:
        if text.startswith(scheme):
            return scheme, text[len(scheme) :]
    return "", text

"""Operations that are known and not built: each says so, to whoever may ask.

They are rows of the table like the others, so that a client learns that the operation is
known and missing here, and not that its address is wrong.
"""

from __future__ import annotations

from typing import NoReturn

from ...errors import NotImplementedYetError
from ..answers import Unbuilt
from ..call import Call, NoBody, NoQuery


def _refuse(what: str, way_out: str) -> NoReturn:
    raise NotImplementedYetError(f"{what} not built yet: {way_out}")


async def use_imports(call: Call[NoQuery, NoBody]) -> Unbuilt:
    """Import objects of another store without copying them; not built yet."""
    _refuse("imports are", "copy the objects in, with any S3 client or 'lakebed cp'")


async def use_staging(call: Call[NoQuery, NoBody]) -> Unbuilt:
    """Upload around the server, by presigned address; not built yet."""
    _refuse("presigned uploads are", "upload through the server, over REST or S3")


async def use_actions(call: Call[NoQuery, NoBody]) -> Unbuilt:
    """Look at runs of hooks; not built yet."""
    _refuse("hooks are", "check before you merge")


async def use_pulls(call: Call[NoQuery, NoBody]) -> Unbuilt:
    """Work with pull requests; not built yet."""
    _refuse("pull requests are", "merge the branch")


async def use_dumps(call: Call[NoQuery, NoBody]) -> Unbuilt:
    """Dump and restore the refs of a repository; not built yet."""
    _refuse("dump and restore are", "back the directory up")


async def use_collection(call: Call[NoQuery, NoBody]) -> Unbuilt:
    """Collect what no branch shows any more; not built yet."""
    _refuse("collection is", "rules are kept, and nothing is removed")


async def use_verify(call: Call[NoQuery, NoBody]) -> Unbuilt:
    """Check all that a repository stores; not built yet."""
    _refuse(
        "verification over REST is",
        "run 'lakebed admin verify DIR' where the directory is, beside the server",
    )


async def use_policies(call: Call[NoQuery, NoBody]) -> Unbuilt:
    """Manage groups and policies; not built yet."""
    _refuse("groups and policies are", "give users grants")

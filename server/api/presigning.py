"""Addresses that let their bearer read one object for a while.

They are those of the operation that reads objects, with three more parameters: the key
that signed, when it ends, and the signature. What may be read is decided when it is
read, by the grants that the user of the key has then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from aiohttp import hdrs
from lakebed.client.wire.routes import REF_OBJECTS, fill

from ..auth.authenticate import Signer
from ..auth.tokens import ObjectAddress
from .call import Call, NoQuery
from .parameters import SIGNATURE, SIGNATURE_EXPIRES, SIGNATURE_KEY, ReadQuery
from .routing import Route


def is_presigned(route: Route, query: str) -> bool:
    """Tell whether a request carries a signature: then it counts, and no header."""
    return f"{SIGNATURE}=" in query and issubclass(route.models[0], ReadQuery)


def read_address(query: NoQuery, names: Mapping[str, str]) -> tuple[ObjectAddress, str]:
    """Return the address that a presigned request claims, and its signature."""
    assert isinstance(query, ReadQuery)
    address = ObjectAddress(
        names["repository"], names["ref"], query.path, query.signed_by, query.expires
    )
    return address, query.signature


async def get_signer(call: Call[Any, Any]) -> Signer:
    """Return what signs addresses for the caller.

    Raises:
        InvalidValueError: they have no key that could.
    """
    return await call.auth.get_signer(
        call.request,  # pyright: ignore[reportArgumentType]
        kept_s=call.settings.presigned_s,
    )


def show_address(call: Call[Any, Any], signer: Signer, path: str) -> str:
    """Return the whole address at which the object `path` of the ref can be read."""
    address, signature = signer.sign(call.repository, call.written("ref"), path)
    target = fill(REF_OBJECTS, repository=address.repository, ref=address.ref)
    parameters = {
        "path": path,
        SIGNATURE_KEY: address.access_key_id,
        SIGNATURE_EXPIRES: str(address.expires_s),
        SIGNATURE: signature,
    }
    query = "&".join(
        f"{name}={quote(parameters[name], safe='')}" for name in parameters
    )
    host = call.request.headers.get(hdrs.HOST, "")
    return f"{call.request.scheme}://{host}{target}?{query}"

"""Which pages may make a browser write here: those of this server, and no others."""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import hdrs, web

from ..auth.authenticate import SESSION_COOKIE, TOKEN_HEADER
from ..errors import PermissionDeniedError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_cross_site(request: web.BaseRequest) -> None:
    """Refuse a write that a page of another site made a browser send.

    The browser would add credentials that it remembers; it also says where the request
    is from, in a header that no page can set.

    Raises:
        PermissionDeniedError
    """
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise PermissionDeniedError("cannot write: the request is from another site")


def refuse_foreign_cookie(request: web.BaseRequest) -> None:
    """Refuse a write on the strength of a cookie, unless it says that a page of ours sent it.

    `SameSite=Strict` keeps the cookie from other sites already; this is for pages of
    the same site at other ports, and for browsers that do not know of it.

    Raises:
        PermissionDeniedError
    """
    headers = request.headers
    if hdrs.AUTHORIZATION in headers or TOKEN_HEADER in headers:
        return
    if SESSION_COOKIE not in request.cookies:
        return
    if headers.get("Sec-Fetch-Site") == "same-origin":
        return
    if urlsplit(headers.get(hdrs.ORIGIN, "")).netloc == headers.get(hdrs.HOST, "?"):
        return
    raise PermissionDeniedError(
        "cannot write: a session of a browser writes from its own pages only"
    )

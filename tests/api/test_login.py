"""Logins: tokens, cookies, and what ends them; addresses that let their bearer in."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Any

import pytest
from aiohttp import ClientSession
from yarl import URL

from support.api import ADMIN, Served
from support.asking import Asker

USER = "/api/v1/user"
BRANCHES = "/api/v1/repositories/lake/branches"
KEY = {"access_key_id": ADMIN.id, "secret_access_key": ADMIN.secret}


async def log_in(server: Served) -> tuple[dict[str, Any], SimpleCookie]:
    async with (
        server.session(None) as session,
        session.post("/api/v1/auth/login", json=KEY) as response,
    ):
        assert response.status == 200, await response.text()
        assert response.headers["Cache-Control"] == "no-store"
        return await response.json(), SimpleCookie(response.headers["Set-Cookie"])


async def status_of(
    server: Served, headers: dict[str, str], url: str = USER, **options: Any
) -> int:
    async with (
        server.session(None) as session,
        session.request(
            options.pop("method", "GET"),
            URL(url, encoded=True),
            headers=headers,
            **options,
        ) as response,
    ):
        return response.status


async def test_a_token_signs_in(server: Served) -> None:
    answer, _ = await log_in(server)

    assert answer["token_expiration"] > 1_600_000_000
    assert (
        await status_of(server, {"Authorization": f"Bearer {answer['token']}"}) == 200
    )
    assert (
        await status_of(server, {"Authorization": f"bearer {answer['token']}"}) == 200
    )


@pytest.mark.parametrize(
    "key",
    [
        KEY | {"secret_access_key": "wrong"},
        KEY | {"access_key_id": "NOBODY"},
        {"access_key_id": "", "secret_access_key": ""},
    ],
)
async def test_a_wrong_key_gets_no_token(server: Served, key: dict[str, str]) -> None:
    status = await status_of(server, {}, "/api/v1/auth/login", method="POST", json=key)

    assert status == 401


async def test_no_other_text_is_a_token(server: Served) -> None:
    token = (await log_in(server))[0]["token"]
    version, key, expires, signature = token.split(".")
    others = [
        "",
        "x",
        "...",
        token + "x",
        token[:-2],
        f"{version}.{key}.{int(expires) + 1}.{signature}",
        f"{version}.{key}.9e9.{signature}",
        f"{version}.Tk9CT0RZ.{expires}.{signature}",
        f"lkt2.{key}.{expires}.{signature}",
        f"{version}.{key}.{expires}.",
        f"{version}.!!.{expires}.{signature}",
        "y" * 600,
    ]

    for other in others:
        headers = {"Authorization": f"Bearer {other}"}
        assert await status_of(server, headers) == 401, other


async def test_a_token_ends_with_its_key(
    server: Served, session: ClientSession
) -> None:
    async with session.post("/api/v1/auth/users", json={"id": "ann"}) as response:
        assert response.status == 201
    async with session.post("/api/v1/auth/users/ann/credentials") as response:
        key = await response.json()
    body = {name: key[name] for name in KEY}
    async with session.post("/api/v1/auth/login", json=body) as response:
        headers = {"Authorization": f"Bearer {(await response.json())['token']}"}
    before = await status_of(server, headers)

    revoked = f"/api/v1/auth/users/ann/credentials/{key['access_key_id']}"
    async with session.delete(revoked) as response:
        assert response.status == 204

    assert (before, await status_of(server, headers)) == (200, 401)


async def test_a_cookie_reads_and_no_script_sees_it(server: Served) -> None:
    answer, cookies = await log_in(server)
    (cookie,) = cookies.values()

    assert cookie.value == answer["token"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
    assert await status_of(server, {"Cookie": f"{cookie.key}={cookie.value}"}) == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://HOST"}, 201),
        ({"Origin": "http://HOST.evil.example"}, 403),
    ],
)
async def test_a_cookie_writes_from_our_pages_only(
    server: Served, ask: Asker, headers: dict[str, str], status: int
) -> None:
    _, cookies = await log_in(server)
    (cookie,) = cookies.values()
    host = server.url.removeprefix("http://")
    sent = {name: value.replace("HOST", host) for name, value in headers.items()}
    sent["Cookie"] = f"{cookie.key}={cookie.value}"

    body = {"name": "dev", "source": "main"}
    got = await status_of(server, sent, BRANCHES, method="POST", json=body)

    assert got == status


async def test_a_browser_forgets_on_logout(server: Served) -> None:
    async with (
        server.session(None) as session,
        session.post("/api/v1/auth/logout") as response,
    ):
        (cookie,) = SimpleCookie(response.headers["Set-Cookie"]).values()
        assert (response.status, cookie.value, cookie["max-age"]) == (204, "", "0")


PATHS = ["a", "a b+c&d=e%25#é?", "dir//x"]


@pytest.mark.parametrize("path", PATHS)
async def test_an_address_reads_without_a_key(
    server: Served, ask: Asker, path: str
) -> None:
    quoted = URL.build(query={"path": path}).raw_query_string
    await ask("POST", f"/lake/branches/main/objects?{quoted}", data=b"bytes")
    target = f"/lake/refs/main/objects?presign=true&{quoted}"

    found = await ask("GET", target, allow_redirects=False)
    stat = await ask("GET", f"/lake/refs/main/objects/stat?presign=true&{quoted}")
    listed = await ask("GET", "/lake/refs/main/objects/ls?presign=true")

    assert found.status == 302
    for address in (
        found.headers["Location"],
        stat.json["physical_address"],
        listed.json["results"][0]["physical_address"],
    ):
        for headers in ({}, {"Authorization": "Basic d3Jvbmc6d3Jvbmc="}):
            assert await status_of(server, headers, address) == 200
    assert stat.json["physical_address_expiry"] > 1_600_000_000
    assert (await ask("GET", target)).data == b"bytes"  # the key goes along


async def test_a_changed_address_reads_nothing(server: Served, ask: Asker) -> None:
    await ask.put("a")
    await ask.put("b")
    address = URL(
        (await ask("GET", "/lake/refs/main/objects/stat?path=a&presign=true")).json[
            "physical_address"
        ]
    )
    expires = int(address.query["X-Lakebed-Expires"])
    changed = [
        address.update_query(path="b"),
        address.update_query({"X-Lakebed-Expires": str(expires + 1)}),
        address.update_query({"X-Lakebed-Expires": "1"}),
        address.update_query({"X-Lakebed-Key": "NOBODY"}),
        address.update_query({"X-Lakebed-Signature": "0" * 64}),
        address.update_query({"X-Lakebed-Signature": ""}),
        address.update_query({"X-Lakebed-Signature": "é"}),
        address.without_query_params("X-Lakebed-Signature"),
        address.with_path(address.path.replace("/main/", "/main~0/")).with_query(
            address.query
        ),
    ]

    assert await status_of(server, {}, str(address)) == 200
    for other in changed:
        assert await status_of(server, {}, str(other)) == 401, other


async def test_an_address_opens_nothing_else(server: Served, ask: Asker) -> None:
    await ask.put("a")
    stat = await ask("GET", "/lake/refs/main/objects/stat?path=a&presign=true")
    signature = URL(stat.json["physical_address"]).raw_query_string

    for target in (
        "/api/v1/repositories/lake/refs/main/objects/stat",
        "/api/v1/repositories/lake/refs/main/objects/ls",
        "/api/v1/user",
    ):
        assert await status_of(server, {}, f"{target}?{signature}") == 401


async def test_an_address_ends_with_its_key(
    server: Served, session: ClientSession, ask: Asker
) -> None:
    await ask.put("a")
    async with session.post("/api/v1/auth/users/admin/credentials") as response:
        key = await response.json()
    body = {name: key[name] for name in KEY}
    async with session.post("/api/v1/auth/login", json=body) as response:
        headers = {"Authorization": f"Bearer {(await response.json())['token']}"}
    stat = await ask(
        "GET", "/lake/refs/main/objects/stat?path=a&presign=true", headers=headers
    )
    address = stat.json["physical_address"]
    before = await status_of(server, {}, address)

    revoked = f"/api/v1/auth/users/admin/credentials/{key['access_key_id']}"
    async with session.delete(revoked) as response:
        assert response.status == 204

    assert (before, await status_of(server, {}, address)) == (200, 401)

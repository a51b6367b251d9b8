"""Who is let in, and what they may do: denied unless granted, at the root."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, encode_basic_auth
from lakebed.client.wire import Credentials, decode
from lakebed.client.wire import routes as paths
from lakebed.client.wire.routes import SETUP_TOKEN_HEADER
from lakebed.server.api.routes import ROUTES
from lakebed.server.api.routing import Anyone, Route, SignedIn
from lakebed.server.auth.keyring import Keyring
from lakebed.server.auth.secrets import AccessKey

from support.api import ADMIN, Served, serve_api
from support.asking import Asker

GUARDED = [route for route in ROUTES if not isinstance(route.requirement, Anyone)]
SETUP = {"username": "first"}


def test_only_these_routes_are_open_to_everyone() -> None:
    """Making another one open by mistake turns this red, and nothing else would."""
    open_to_all = {
        (route.method, route.template)
        for route in ROUTES
        if isinstance(route.requirement, Anyone)
    }

    assert open_to_all == {
        ("GET", paths.HEALTHCHECK),
        ("GET", paths.SETUP),
        ("POST", paths.SETUP),
        ("POST", paths.LOGIN),
        ("POST", paths.LOGOUT),
    }


def fill(route: Route) -> str:
    fields = [s[1:-1] for s in route.template.split("/") if s.startswith("{")]
    return paths.fill(route.template, **dict.fromkeys(fields, "main"))


@pytest.mark.parametrize("key", [None, AccessKey("ADMINKEY", "wrong-secret"),
                                 AccessKey("NOBODY", ADMIN.secret)])  # fmt: skip
async def test_no_guarded_route_answers_without_a_right_key(
    server: Served, key: AccessKey | None
) -> None:
    async with server.session(key) as session:
        for route in GUARDED:
            async with session.request(route.method, fill(route)) as response:
                assert response.status == 401, route
                assert response.headers["WWW-Authenticate"].startswith("Basic")
                if route.method != "HEAD":
                    body = await response.json()
                    assert body["message"] == "error authenticating request"


@pytest.mark.parametrize(
    "value",
    ["", "Basic", "Basic !", "Basic " + "A" * 9000, "Bearer x", "Basic /w==", "x"],
)
async def test_odd_credentials_are_refused(server: Served, value: str) -> None:
    async with server.session(None) as session:
        headers = {"Authorization": value}
        async with session.get("/api/v1/user", headers=headers) as response:
            assert response.status in (400, 401)


async def test_a_user_without_grants_may_do_nothing(server: Served) -> None:
    key = await server.add_user("guest")
    async with server.session(key) as session:
        for route in GUARDED:
            if isinstance(route.requirement, SignedIn):
                continue
            async with session.request(route.method, fill(route)) as response:
                assert response.status == 403, route


async def test_a_write_from_another_site_is_refused(ask: Asker) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}

    upload = await ask(
        "POST", "/lake/branches/main/objects?path=o", data=b"x", headers=headers
    )

    assert upload.status == 403
    assert (await ask("GET", "/lake", headers=headers)).status == 200


async def test_the_first_user_is_set_up_once(directory: Path) -> None:
    async with (
        serve_api(directory, is_set_up=False) as server,
        server.session(None) as session,
    ):
        before = await _state(session)
        async with session.post("/api/v1/setup_lakefs", json=SETUP) as response:
            assert response.status == 200
            made = decode(await response.read(), Credentials)
        async with session.post("/api/v1/setup_lakefs", json=SETUP) as response:
            assert response.status == 409
        after = await _state(session)
        authorization = encode_basic_auth(made.access_key_id, made.secret_access_key)
        headers = {"Authorization": authorization}
        async with session.get("/api/v1/user", headers=headers) as response:
            assert (await response.json())["user"]["id"] == "first"

    assert (before, after) == ("not_initialized", "initialized")


async def _state(session: ClientSession) -> str:
    async with session.get("/api/v1/setup_lakefs") as response:
        return str((await response.json())["state"])


async def test_the_first_user_may_bring_a_key(directory: Path) -> None:
    key = {"access_key_id": "AKIAOWN", "secret_access_key": "chosen-by-me"}
    async with (
        serve_api(directory, is_set_up=False) as server,
        server.session(None) as session,
    ):
        body = {**SETUP, "key": key}
        async with session.post("/api/v1/setup_lakefs", json=body) as response:
            assert response.status == 200
        own = AccessKey("AKIAOWN", "chosen-by-me")
        async with server.session(own) as mine, mine.get("/api/v1/user") as response:
            assert response.status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-For": "10.0.0.1"},
        {"Forwarded": "for=10.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_nobody_sets_up_from_afar(
    directory: Path, headers: dict[str, str]
) -> None:
    async with (
        serve_api(directory, is_set_up=False) as server,
        server.session(None) as session,
    ):
        assert await _try_setup(session, headers=headers, json=SETUP) == 403


async def test_a_form_cannot_set_up(directory: Path) -> None:
    async with (
        serve_api(directory, is_set_up=False) as server,
        server.session(None) as session,
    ):
        assert await _try_setup(session, data='{"username":"first"}') == 415


async def test_an_open_listener_is_not_set_up_without_a_token(directory: Path) -> None:
    async with (
        serve_api(directory, is_set_up=False, host="0.0.0.0") as server,
        server.session(None) as session,
    ):
        assert await _try_setup(session, json=SETUP) == 403


async def test_the_token_that_was_printed_last_sets_up_once(directory: Path) -> None:
    async with (
        serve_api(directory, is_set_up=False, host="0.0.0.0") as server,
        server.session(None) as session,
    ):
        keyring = Keyring(server.store, server.master_key)
        older = await keyring.make_setup_token()
        token = await keyring.make_setup_token()
        assert older
        assert token
        kept = await server.store.find_setup_token()
        assert kept
        assert token not in kept
        for wrong in ("", "x", older, token + "x", kept, "\xe9"):
            headers = {SETUP_TOKEN_HEADER: wrong}
            assert await _try_setup(session, json=SETUP, headers=headers) == 403, wrong
        headers = {SETUP_TOKEN_HEADER: token, "X-Forwarded-For": "10.0.0.1"}
        assert await _try_setup(session, json=SETUP, headers=headers) == 200
        assert await _try_setup(session, json=SETUP, headers=headers) == 409
        assert await server.store.find_setup_token() is None
        assert await keyring.make_setup_token() is None


@pytest.mark.parametrize(
    "body",
    [
        {"username": ""},
        {"username": "a\nb"},
        {"username": "x" * 129},
        {
            "username": "a",
            "key": {"access_key_id": "a:b", "secret_access_key": "x" * 9},
        },
        {"username": "a", "key": {"access_key_id": "abc", "secret_access_key": "x"}},
    ],
)
async def test_an_odd_first_user_is_refused(
    directory: Path, body: dict[str, Any]
) -> None:
    async with (
        serve_api(directory, is_set_up=False) as server,
        server.session(None) as session,
    ):
        assert await _try_setup(session, json=body) == 400


async def _try_setup(session: ClientSession, **options: Any) -> int:
    async with session.post("/api/v1/setup_lakefs", **options) as response:
        return response.status

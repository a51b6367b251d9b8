"""The way in: a key works while it exists, and nothing else does."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

import pytest
from lakebed.server.auth.authenticate import (
    TOKEN_HEADER,
    Authenticator,
    DirectoryToken,
    Principal,
)
from lakebed.server.auth.grants import NO_GRANTS
from lakebed.server.auth.keyring import Keyring
from lakebed.server.auth.secrets import AccessKey, MasterKey
from lakebed.server.auth.store import Credential, User
from lakebed.server.errors import UnauthenticatedError
from multidict import CIMultiDict

MASTER = MasterKey(bytes(32))
KEY = AccessKey("KEYID", "the-secret")
OWNER = Principal("owner", is_admin=True, created_ms=0)


class Store:
    """A `KeyStore` with what it is told to have."""

    def __init__(self) -> None:
        self.rows: dict[str, Credential] = {}

    def add(self, key: AccessKey, name: str) -> None:
        user = User(1, name, True, 0)
        self.rows[key.id] = Credential(key.id, MASTER.seal(key), user, 0, NO_GRANTS)

    async def count_users(self) -> int:
        return len(self.rows)

    async def find_run_credential(self, access_key_id: str) -> Credential | None:
        return None

    async def find_credential(self, access_key_id: str) -> Credential | None:
        return self.rows.get(access_key_id)

    async def set_up_first_user(
        self, name: str, access_key_id: str, sealed_secret: bytes, *, now_ms: int
    ) -> User | None:
        raise AssertionError

    async def find_setup_token(self) -> str | None:
        raise AssertionError

    async def set_setup_token(self, digest: str) -> bool:
        raise AssertionError


@dataclass
class Request:
    headers: CIMultiDict[str] = field(default_factory=CIMultiDict[str])
    cookies: dict[str, str] = field(default_factory=dict[str, str])


def basic(text: str) -> Request:
    encoded = base64.b64encode(text.encode()).decode()
    return Request(CIMultiDict({"Authorization": f"Basic {encoded}"}))


@pytest.fixture
def store() -> Store:
    store = Store()
    store.add(KEY, "ann")
    return store


@pytest.fixture
def auth(store: Store) -> Authenticator:
    return Authenticator(
        Keyring(store, MASTER),
        regions=["us-east-1"],
        skew_s_max=900,
        clock=lambda: 0.0,
        directory_token=DirectoryToken("token", OWNER),
    )


async def test_a_key_signs_its_user_in(auth: Authenticator) -> None:
    assert (await auth.authenticate(basic("KEYID:the-secret"))).name == "ann"


@pytest.mark.parametrize(
    "request_",
    [
        Request(),
        basic("KEYID:wrong"),
        basic("KEYID:"),
        basic("KEYID"),
        basic("NOBODY:the-secret"),
        basic(""),
        basic("KEYID:the-secret" + "x" * 600),
        Request(CIMultiDict({"Authorization": "Basic !!!"})),
        Request(CIMultiDict({"Authorization": "Bearer x"})),
        Request(CIMultiDict([("Authorization", "Basic S0VZSUQ6dGhlLXNlY3JldA==")] * 2)),
        Request(CIMultiDict({TOKEN_HEADER: "wrong"})),
        Request(CIMultiDict({TOKEN_HEADER: "\udce9"})),
    ],
)
async def test_nothing_else_does(auth: Authenticator, request_: Request) -> None:
    with pytest.raises(UnauthenticatedError):
        await auth.authenticate(request_)


async def test_a_token_ends_at_its_second(store: Store) -> None:
    now_s = 100.0
    auth = Authenticator(
        Keyring(store, MASTER), regions=[], skew_s_max=0, clock=lambda: now_s
    )
    token, expires_s = await auth.log_in(KEY.id, KEY.secret, kept_s=60)
    signer = await auth.get_signer(basic("KEYID:the-secret"), kept_s=60)
    address, signature = signer.sign("lake", "main", "a")
    request = Request(CIMultiDict({"Authorization": f"Bearer {token}"}))

    now_s = 159.9
    before = [
        (await auth.authenticate(request)).name,
        (await auth.verify_address(address, signature)).name,
    ]
    now_s = 160.0

    assert (expires_s, before) == (160, ["ann", "ann"])
    with pytest.raises(UnauthenticatedError, match="expired"):
        await auth.authenticate(request)
    with pytest.raises(UnauthenticatedError, match="expired"):
        await auth.verify_address(address, signature)


async def test_a_token_is_no_signature_of_another_key(store: Store) -> None:
    auth = Authenticator(
        Keyring(store, MASTER), regions=[], skew_s_max=0, clock=lambda: 0.0
    )
    token, _ = await auth.log_in(KEY.id, KEY.secret, kept_s=60)
    store.add(KEY, "eve")  # another key under the same id, even with the same secret

    with pytest.raises(UnauthenticatedError):
        await auth.authenticate(
            Request(CIMultiDict({"Authorization": f"Bearer {token}"}))
        )


async def test_a_revoked_key_stops_working_at_once(
    auth: Authenticator, store: Store
) -> None:
    await auth.authenticate(basic("KEYID:the-secret"))
    del store.rows[KEY.id]

    with pytest.raises(UnauthenticatedError):
        await auth.authenticate(basic("KEYID:the-secret"))


async def test_a_key_made_again_has_its_new_secret_and_user_only(
    auth: Authenticator, store: Store
) -> None:
    await auth.authenticate(basic("KEYID:the-secret"))
    store.add(AccessKey(KEY.id, "new-secret"), "bob")

    assert (await auth.authenticate(basic("KEYID:new-secret"))).name == "bob"
    with pytest.raises(UnauthenticatedError):
        await auth.authenticate(basic("KEYID:the-secret"))


async def test_the_token_lets_its_bearer_in(auth: Authenticator) -> None:
    request = Request(CIMultiDict({TOKEN_HEADER: "token"}))

    assert await auth.authenticate(request) == OWNER

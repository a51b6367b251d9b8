"""Finds a key and its secret.

The row of a key is read for every request, which takes 10-20 µs, so that a revoked key
stops working at once in every process. Keys of runs are looked for where no other is
found, so that they cost the others nothing. Only what follows from the row alone is cached:
the opened secret, by the sealed one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from ..provenance.beginning import SealedKey
from .principal import Principal
from .secrets import AccessKey, MasterKey, make_access_key
from .store import KeyStore

_OPENED_MAX = 4096
"""Opened secrets kept, some 300 bytes each: more keys than sign requests at one time."""

_SETUP_TOKEN_BYTES = 24
"""As hard to guess as a secret."""


def _digest(token: str) -> str:
    # Kept like this the token cannot be read from the database or a backup of it; no
    # salt, because nobody chose it.
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that exists now."""

    key: AccessKey
    sealed_secret: bytes = field(repr=False)
    """Differs for each key that was ever made, also under one id."""
    principal: Principal


class Keyring:
    """The keys of a lake."""

    def __init__(self, store: KeyStore, master_key: MasterKey) -> None:
        """Read keys from `store` and open their secrets with `master_key`."""
        self._store = store
        self._master_key = master_key
        self._opened: dict[tuple[str, bytes], AccessKey] = {}
        dummy = make_access_key()
        self.dummy = KnownKey(
            dummy, master_key.seal(dummy), Principal("", is_admin=False, created_ms=0)
        )
        """To be checked in place of a key that is not there, so that it takes as long."""

    async def find(self, access_key_id: str) -> KnownKey | None:
        """Return the key `access_key_id`, or None.

        Raises:
            CorruptDataError: its secret does not open.
        """
        row = await self._store.find_credential(access_key_id)
        if row is None:
            row = await self._store.find_run_credential(access_key_id)
        if row is None:
            return None
        place = (row.access_key_id, row.sealed_secret)
        key = self._opened.get(place)
        if key is None:
            secret = self._master_key.unseal(row.access_key_id, row.sealed_secret)
            key = AccessKey(row.access_key_id, secret)
            if len(self._opened) >= _OPENED_MAX:
                self._opened.clear()
            self._opened[place] = key
        principal = Principal.of(row.user, row.grants, row.run)
        return KnownKey(key, row.sealed_secret, principal)

    def make_run_key(self) -> SealedKey:
        """Return a new key for a run, as it is kept."""
        key = make_access_key()
        return SealedKey(key.id, self._master_key.seal(key))

    def open_run_key(self, key: SealedKey) -> AccessKey:
        """Return the key of a run, with its secret.

        Raises:
            CorruptDataError: its secret does not open.
        """
        secret = self._master_key.unseal(key.access_key_id, key.sealed_secret)
        return AccessKey(key.access_key_id, secret)

    async def has_users(self) -> bool:
        """Tell whether the lake has been set up."""
        return await self._store.count_users() > 0

    async def make_setup_token(self) -> str | None:
        """Return a new token for the set-up, in place of another; None: it is done."""
        token = secrets.token_urlsafe(_SETUP_TOKEN_BYTES)
        return token if await self._store.set_setup_token(_digest(token)) else None

    async def is_setup_token(self, token: str) -> bool:
        """Tell whether `token` is the one that `make_setup_token` made last."""
        expected = await self._store.find_setup_token()
        return hmac.compare_digest(expected or "", _digest(token))

    async def set_up_first_user(
        self, name: str, key: AccessKey, *, now_ms: int
    ) -> bool:
        """Create the first user, an administrator with `key`; tell whether it was first."""
        user = await self._store.set_up_first_user(
            name, key.id, self._master_key.seal(key), now_ms=now_ms
        )
        return user is not None

"""Tokens of logins, and addresses of objects that let their bearer in.

Both are signed with what follows from the secret of an access key and from its row, and
name the key: so they stop counting with it, in every process, and cost no row of their
own. A token is

    lkt1.KEY_ID.EXPIRES_S.SIGNATURE

where KEY_ID is base64url, EXPIRES_S Unix seconds, and SIGNATURE the base64url of an
HMAC-SHA256 of what is before it. To whom it is given it is opaque.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field

from ..errors import UnauthenticatedError
from .keyring import KnownKey

_VERSION = "lkt1"
_TOKEN_CHARS_MAX = 512
"""Longest token: the id of a key has at most 128 characters."""
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_FOR_TOKENS = b"lakebed v1 token\0"
_FOR_ADDRESSES = b"lakebed v1 address\0"
"""Different uses, different keys: what is signed for one says nothing in the other."""


@dataclass(frozen=True, slots=True)
class TokenClaim:
    """What a token says, before anybody believes it."""

    access_key_id: str
    expires_s: int
    signed: str
    signature: bytes = field(repr=False)

    def is_by(self, key: KnownKey) -> bool:
        """Tell whether the token was made with `key`."""
        expected = _sign(key, _FOR_TOKENS, self.signed.encode())
        return hmac.compare_digest(expected, self.signature)


def make_token(key: KnownKey, expires_s: int) -> str:
    """Return a token that lets its bearer in as the user of `key`, until `expires_s`."""
    signed = f"{_VERSION}.{_encode(key.key.id.encode())}.{expires_s}"
    return f"{signed}.{_encode(_sign(key, _FOR_TOKENS, signed.encode()))}"


def read_token(text: str) -> TokenClaim:
    """Return what the token `text` says.

    Raises:
        UnauthenticatedError: it is none of ours.
    """
    signed, _, signature = text.rpartition(".")
    parts = signed.split(".")
    try:
        if len(text) > _TOKEN_CHARS_MAX or len(parts) != 3 or parts[0] != _VERSION:
            raise ValueError
        if not _SECONDS.fullmatch(parts[2]):
            raise ValueError
        key_id = _decode(parts[1]).decode()
        return TokenClaim(key_id, int(parts[2]), signed, _decode(signature))
    except (ValueError, binascii.Error):
        raise UnauthenticatedError(
            "cannot sign in: the token is none of this server's: log in again"
        ) from None


@dataclass(frozen=True, slots=True)
class ObjectAddress:
    """Which object an address is of, and until when."""

    repository: str
    ref: str
    path: str
    access_key_id: str
    expires_s: int

    def sign(self, key: KnownKey) -> str:
        """Return the signature of the address, by `key`."""
        said = [
            self.repository,
            self.ref,
            self.path,
            self.access_key_id,
            self.expires_s,
        ]
        return _sign(key, _FOR_ADDRESSES, json.dumps(said).encode()).hex()

    def is_signed(self, signature: str, key: KnownKey) -> bool:
        """Tell whether `signature` is that of the address by `key`."""
        given = signature.encode("utf-8", "surrogateescape")
        return hmac.compare_digest(self.sign(key).encode(), given)


def _sign(key: KnownKey, use: bytes, said: bytes) -> bytes:
    # The sealed secret differs for each key that was ever made, also under one id.
    signing_key = hmac.digest(
        key.key.secret.encode(), use + key.sealed_secret, hashlib.sha256
    )
    return hmac.digest(signing_key, said, hashlib.sha256)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded, altchars=b"-_", validate=True)

"""The one way in: every protocol learns here who is asking.

`verify_signature` for S3 (AWS signature version 4), `authenticate` for REST (HTTP Basic
with an access key; or the token of a directory that the command line has opened in its
own process). A key is looked up for each request, and one that does not exist is checked
like one that does, so that the time of the answer does not tell.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import SignatureRefusedError, UnauthenticatedError
from .form_claim import is_signed, read_form_claim
from .keyring import Keyring, KnownKey
from .names import check_user_name
from .principal import ANONYMOUS, Principal
from .secrets import AccessKey
from .sigv4 import Claim, Headers, SigningKeys, read_claim
from .target import Target

__all__ = [
    "ANONYMOUS",
    "TOKEN_HEADER",
    "Authenticator",
    "DirectoryToken",
    "Principal",
    "Verified",
]

TOKEN_HEADER = "X-Lakebed-Directory-Token"  # noqa: S105 - a name, no token
_BASIC_CHARS_MAX = 512
"""Longest Basic credentials: key ids and secrets have at most 128 characters each."""


class Request(Protocol):
    """As much of a request as says who sent it."""

    @property
    def headers(self) -> Headers:
        """The headers."""
        ...


@dataclass(frozen=True, slots=True)
class DirectoryToken:
    """Lets whoever opened a directory in their own process ask as its owner."""

    token: str = field(repr=False)
    principal: Principal


@dataclass(frozen=True, slots=True)
class Verified:
    """A request whose signature is right."""

    principal: Principal
    claim: Claim
    signing_key: bytes = field(repr=False)
    """With which the chunks of a signed stream are checked."""


class Authenticator:
    """Says who is asking."""

    def __init__(
        self,
        keyring: Keyring,
        *,
        regions: Collection[str],
        skew_s_max: int,
        clock: Callable[[], float],
        directory_token: DirectoryToken | None = None,
    ) -> None:
        """Let in whoever has a key of `keyring`.

        Args:
            keyring: the keys.
            regions: what the scope of a signature may name; the first is told to
                clients that name another.
            skew_s_max: how far the time of a signature may be from the clock.
            clock: the time, in seconds since 1970 UTC.
            directory_token: what lets its bearer in, too.
        """
        self._keyring = keyring
        self._regions = tuple(dict.fromkeys(regions))
        self._skew_s_max = skew_s_max
        self._clock = clock
        self._directory_token = directory_token
        self._signing_keys = SigningKeys()

    async def is_set_up(self) -> bool:
        """Tell whether there is a user."""
        return await self._keyring.has_users()

    async def set_up_first_user(self, name: str, key: AccessKey) -> bool:
        """Create the first user, an administrator with `key`; tell whether it was first.

        Raises:
            InvalidNameError: no user may have that name.
        """
        return await self._keyring.set_up_first_user(
            check_user_name(name), key, now_ms=int(self._clock() * 1000)
        )

    async def authenticate(self, request: Request) -> Principal:
        """Return who sends a request of the REST interface.

        Raises:
            UnauthenticatedError: it carries no credentials, or wrong ones.
        """
        token = request.headers.get(TOKEN_HEADER)
        if token is not None:
            return self._check_token(token)
        credentials = _read_basic(request.headers.getall("Authorization", ()))
        key_id, _, secret = credentials.partition(":")
        known = await self._keyring.find(key_id)
        expected = (known or self._keyring.dummy).key.secret.encode()
        is_right = hmac.compare_digest(expected, secret.encode())
        if known is None or not is_right:
            raise UnauthenticatedError("cannot sign in: access key or secret is wrong")
        return known.principal

    async def verify_signature(
        self, method: str, target: Target, headers: Headers, *, service: str
    ) -> Verified | None:
        """Return who signed a request; None if it is not signed.

        Raises:
            SignatureRefusedError: it is signed, and not as it should be.
        """
        claim = read_claim(target, headers, services=(service,), regions=self._regions)
        if claim is None:
            return None
        return await self._verify(
            claim, lambda key: claim.verify(method, target, headers, key)
        )

    async def verify_form(self, fields: Mapping[str, str], *, service: str) -> Verified:
        """Return who signed the policy of a form.

        Args:
            fields: of the form, by name, in lower case, with its `policy`.
            service: what the signature must be for.

        Raises:
            SignatureRefusedError: it is not signed as it should be.
        """
        claim = read_form_claim(fields, services=(service,), regions=self._regions)
        return await self._verify(
            claim, lambda key: is_signed(fields["policy"], claim, key)
        )

    async def _verify(
        self, claim: Claim, is_signed_with: Callable[[bytes], bool]
    ) -> Verified:
        known = await self._keyring.find(claim.access_key_id)
        signing_key = self._derive(known or self._keyring.dummy, claim)
        is_right = is_signed_with(signing_key)
        if known is None:
            raise SignatureRefusedError(
                "InvalidAccessKeyId",
                "the access key id you provided does not exist in our records",
                AWSAccessKeyId=claim.access_key_id[:128],
            )
        if not is_right:
            raise SignatureRefusedError(
                "SignatureDoesNotMatch",
                "the request signature we calculated does not match the signature you "
                "provided: check your key and signing method",
                AWSAccessKeyId=claim.access_key_id,
            )
        # After the signature: only who has the key learns what our clock says of it.
        claim.check_time(self._clock(), self._skew_s_max)
        return Verified(known.principal, claim, signing_key)

    def _derive(self, key: KnownKey, claim: Claim) -> bytes:
        return self._signing_keys.derive(key.key.secret, key.sealed_secret, claim.scope)

    def _check_token(self, token: str) -> Principal:
        expected = self._directory_token
        if expected is None or not hmac.compare_digest(
            expected.token.encode(), token.encode("utf-8", "surrogateescape")
        ):
            raise UnauthenticatedError("cannot sign in: wrong directory token")
        return expected.principal


def _read_basic(authorizations: list[str] | tuple[()]) -> str:
    if not authorizations:
        raise UnauthenticatedError("cannot sign in: the request has no credentials")
    scheme, _, encoded = authorizations[0].partition(" ")
    if len(authorizations) > 1 or scheme.lower() != "basic":
        raise UnauthenticatedError(
            "cannot sign in: use HTTP Basic, with an access key id and its secret"
        )
    try:
        if len(encoded) > _BASIC_CHARS_MAX:
            raise ValueError
        return base64.b64decode(encoded.strip(), validate=True).decode()
    except (ValueError, binascii.Error):
        raise UnauthenticatedError(
            "cannot sign in: Basic credentials do not decode"
        ) from None

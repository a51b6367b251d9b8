"""The one way in: every protocol learns here who is asking.

`verify_signature` for S3 (AWS signature version 4), `authenticate` for REST (HTTP Basic
with an access key; a token of a login, as Bearer or in the cookie of a browser; or the
token of a directory that the command line has opened in its own process). A key is looked up for each request, and one that does not exist is checked
like one that does, so that the time of the answer does not tell.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import (
    InvalidValueError,
    PermissionDeniedError,
    SignatureRefusedError,
    UnauthenticatedError,
)
from ..provenance.beginning import SealedKey
from ..runs.rows import RunScope
from .form_claim import is_signed, read_form_claim
from .keyring import Keyring, KnownKey
from .names import check_user_name
from .principal import ANONYMOUS, Principal
from .secrets import AccessKey
from .sigv4 import Claim, Headers, SigningKeys, read_claim
from .target import Target
from .tokens import ObjectAddress, make_token, read_token

__all__ = [
    "ANONYMOUS",
    "SESSION_COOKIE",
    "TOKEN_HEADER",
    "Authenticator",
    "DirectoryToken",
    "Principal",
    "Signer",
    "Verified",
]

TOKEN_HEADER = "X-Lakebed-Directory-Token"  # noqa: S105 - a name, no token
SESSION_COOKIE = "lakebed_session"
_BASIC_CHARS_MAX = 512
"""Longest Basic credentials: key ids and secrets have at most 128 characters each."""


class Request(Protocol):
    """As much of a request as says who sent it."""

    @property
    def headers(self) -> Headers:
        """The headers."""
        ...

    @property
    def cookies(self) -> Mapping[str, str]:
        """The cookies."""
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


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs addresses of objects with the key of whoever asks for them."""

    key: KnownKey = field(repr=False)
    expires_s: int

    def sign(self, repository: str, ref: str, path: str) -> tuple[ObjectAddress, str]:
        """Return the address of an object, and its signature."""
        address = ObjectAddress(repository, ref, path, self.key.key.id, self.expires_s)
        return address, address.sign(self.key)


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

    async def make_setup_token(self) -> str | None:
        """Return a token that lets its bearer create the first user; None: there is one."""
        return await self._keyring.make_setup_token()

    async def is_setup_token(self, token: str) -> bool:
        """Tell whether `token` lets its bearer create the first user."""
        return await self._keyring.is_setup_token(token)

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
        return (await self._find_key(request)).principal

    async def _find_key(self, request: Request) -> KnownKey:
        """Return the key that the credentials of `request` are of.

        Raises:
            UnauthenticatedError
        """
        authorizations = request.headers.getall("Authorization", ())
        if not authorizations and SESSION_COOKIE in request.cookies:
            return await self._check_login(request.cookies[SESSION_COOKIE])
        scheme, credentials = _split_authorization(authorizations)
        if scheme == "bearer":
            return await self._check_login(credentials)
        key_id, _, secret = _read_basic(credentials).partition(":")
        return await self._check_secret(key_id, secret)

    async def _check_secret(self, key_id: str, secret: str) -> KnownKey:
        known = await self._keyring.find(key_id)
        expected = (known or self._keyring.dummy).key.secret.encode()
        is_right = hmac.compare_digest(expected, secret.encode())
        if known is None or not is_right:
            raise UnauthenticatedError("cannot sign in: access key or secret is wrong")
        return _refuse_ended(known)

    async def _check_login(self, token: str) -> KnownKey:
        claim = read_token(token)
        known = await self._keyring.find(claim.access_key_id)
        is_right = claim.is_by(known or self._keyring.dummy)
        if known is None or not is_right:
            raise UnauthenticatedError(
                "cannot sign in: the token, or the key it came from, is revoked or "
                "wrong: log in again"
            )
        if claim.expires_s <= self._clock():
            raise UnauthenticatedError(
                "cannot sign in: the token expired: log in again"
            )
        return _refuse_ended(known)

    async def log_in(
        self, access_key_id: str, secret: str, *, kept_s: int
    ) -> tuple[str, int]:
        """Return a token for an access key, and the Unix second when it expires.

        Raises:
            UnauthenticatedError: there is no such key, or that is not its secret.
        """
        known = await self._check_secret(access_key_id, secret)
        if known.principal.run is not None:
            raise PermissionDeniedError(
                "access denied: the key of a run makes no login, which would outlive it"
            )
        expires_s = int(self._clock()) + kept_s
        return make_token(known, expires_s), expires_s

    async def get_signer(self, request: Request, *, kept_s: int) -> Signer:
        """Return what signs addresses of objects for whoever sends `request`.

        Raises:
            InvalidValueError: they sent no access key that could sign.
        """
        if TOKEN_HEADER in request.headers:
            raise InvalidValueError(
                "presign", "cannot presign for the owner of a directory: use a key"
            )
        known = await self._find_key(request)
        return Signer(known, int(self._clock()) + kept_s)

    def make_run_key(self) -> SealedKey:
        """Return a new key for a run, as it is kept."""
        return self._keyring.make_run_key()

    def open_run_key(self, key: SealedKey) -> AccessKey:
        """Return the key of a run, with its secret."""
        return self._keyring.open_run_key(key)

    async def verify_address(self, address: ObjectAddress, signature: str) -> Principal:
        """Return who signed the address of an object.

        Raises:
            UnauthenticatedError: nobody, or it expired.
        """
        known = await self._keyring.find(address.access_key_id)
        is_right = address.is_signed(signature, known or self._keyring.dummy)
        if known is None or not is_right:
            raise UnauthenticatedError(
                "cannot sign in: the signature of the address, or its key, is wrong"
            )
        if address.expires_s <= self._clock():
            raise UnauthenticatedError("cannot sign in: the address expired")
        return _refuse_ended(known).principal

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
        if (run := known.principal.run) is not None and run.is_sealed:
            raise SignatureRefusedError(
                "AccessDenied", explain_ended(run), AWSAccessKeyId=claim.access_key_id
            )
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


def _refuse_ended(known: KnownKey) -> KnownKey:
    """Return `known`, of which the caller has the secret, unless its run has ended.

    Raises:
        UnauthenticatedError: it has.
    """
    run = known.principal.run
    if run is not None and run.is_sealed:
        raise UnauthenticatedError(f"cannot sign in: {explain_ended(run)}")
    return known


def explain_ended(run: RunScope) -> str:
    """Return what whoever uses the key of a run that has ended is told."""
    return f"run '{run.name}' has ended, and its key with it: use a key of your own"


def _split_authorization(authorizations: Sequence[str]) -> tuple[str, str]:
    """Return the scheme, in lower case, and what it says."""
    if not authorizations:
        raise UnauthenticatedError("cannot sign in: the request has no credentials")
    scheme, _, rest = authorizations[0].partition(" ")
    scheme = scheme.lower()
    if len(authorizations) > 1 or scheme not in ("basic", "bearer"):
        raise UnauthenticatedError(
            "cannot sign in: use HTTP Basic with an access key id and its secret, or "
            "Bearer with the token of a login"
        )
    return scheme, rest.strip()


def _read_basic(encoded: str) -> str:
    try:
        if len(encoded) > _BASIC_CHARS_MAX:
            raise ValueError
        return base64.b64decode(encoded, validate=True).decode()
    except (ValueError, binascii.Error):
        raise UnauthenticatedError(
            "cannot sign in: Basic credentials do not decode"
        ) from None

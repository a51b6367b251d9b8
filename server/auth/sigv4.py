"""AWS signature version 4: what a request claims, and whether its signature proves it.

Pure: no clock, no database. `read_claim` finds the one mechanism that a request uses,
header or query (presigned), and refuses both at once; `Claim.verify` computes the
signature again from the secret. Between the two the caller looks up the key.

Held to:

1. Everything that is signed is taken from the same reading that is acted upon.
2. Every `x-amz-*` header that is present is signed, and so is `host`: what was not
   signed may have been added by anybody. `x-amz-content-sha256` alone is exempt, because
   its value is part of what is signed anyway.
3. The time of a request is checked for both mechanisms.

Source: AWS, "Signature Version 4 signing process"; `docs/design/s3.md` 3.1.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Collection
from functools import lru_cache

from msgspec import Struct
from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import SignatureRefusedError
from .scope import (
    TERMINATOR,
    Scope,
    check_date,
    check_scope,
    seconds_of,
    split_credential,
)
from .target import Target

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EXPIRES_S_MAX = 7 * 24 * 3600
"""Longest life of a presigned URL; AWS's figure."""

Headers = CIMultiDictProxy[str] | CIMultiDict[str]

_SHA256_HEADER = "x-amz-content-sha256"
_SHA256_PARAMETER = "X-Amz-Content-Sha256"
_CREDENTIAL = re.compile(
    rf"{ALGORITHM} +Credential=([^,\s]+)[,\s]+SignedHeaders=([^,\s]+)[,\s]+", re.ASCII
)
_SIGNATURE = "Signature="
_SPACES = re.compile(" {2,}")
_QUERY_NAMES = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
)
_QUERY_SET = frozenset(_QUERY_NAMES)
_KEY_CACHE_MAX = 1024
"""Derived keys kept: one for each access key, day and region in use."""
_NAMES_CACHE_MAX = 256
"""Header names and credentials remembered: a client sends the same ones each time. Who
sends others each time fills it with at most 16 KiB each."""


class Claim(Struct, frozen=True, gc=False):
    """What a signed request says of itself; nothing of it is proven yet."""

    access_key_id: str
    scope: Scope
    time: str
    """As signed: `20261101T120000Z`."""
    signed_headers: tuple[str, ...]
    """In the order in which they were hashed."""
    signature: str
    payload: str
    """Hex SHA-256 of the body, or a word for how the body is protected."""
    expires_s: int | None
    """Life of a presigned request; None: signed in a header."""

    def check_time(self, now_s: float, skew_s_max: int) -> None:
        """Return if the request may be made now.

        Raises:
            SignatureRefusedError: it is too old, too new, or has expired.
        """
        signed_s = seconds_of(self.time)
        if self.expires_s is None:
            if abs(now_s - signed_s) > skew_s_max:
                raise SignatureRefusedError(
                    "RequestTimeTooSkewed",
                    "request time is too far from the server's: set the clock",
                    RequestTime=self.time,
                    ServerTime=_iso(now_s),
                    MaxAllowedSkewMilliseconds=str(skew_s_max * 1000),
                )
        elif signed_s - now_s > skew_s_max:
            raise SignatureRefusedError(
                "AccessDenied", "request is not yet valid", ServerTime=_iso(now_s)
            )
        elif now_s > signed_s + self.expires_s:
            raise SignatureRefusedError(
                "AccessDenied",
                "request has expired",
                Expires=_iso(signed_s + self.expires_s),
                ServerTime=_iso(now_s),
            )

    def verify(
        self, method: str, target: Target, headers: Headers, signing_key: bytes
    ) -> bool:
        """Tell whether the signature is that of the request under `signing_key`."""
        request = canonical_request(
            method,
            target.canonical_path,
            target.canonical_query(leave_out="X-Amz-Signature")
            if self.expires_s is not None
            else target.canonical_query(),
            headers,
            self.signed_headers,
            self.payload,
        )
        expected = sign(request, self.time, self.scope, signing_key)
        return hmac.compare_digest(expected, self.signature.encode("utf-8", "replace"))


class SigningKeys:
    """Derived signing keys, computed once for each key, day, region and service."""

    def __init__(self) -> None:
        self._keys: dict[tuple[bytes, Scope], bytes] = {}

    def derive(self, secret: str, made_from: bytes, scope: Scope) -> bytes:
        """Return the key of `scope`; `made_from` names the secret in the cache."""
        place = (made_from, scope)
        key = self._keys.get(place)
        if key is None:
            key = derive_key(secret, scope)
            if len(self._keys) >= _KEY_CACHE_MAX:
                self._keys.clear()
            self._keys[place] = key
        return key


def derive_key(secret: str, scope: Scope) -> bytes:
    """Return the signing key that `secret` has for `scope`."""
    key = b"AWS4" + secret.encode()
    for part in (scope.date, scope.region, scope.service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def sign(request: bytes, time_text: str, scope: Scope, signing_key: bytes) -> bytes:
    """Return the signature of a canonical request, in hex digits."""
    digest = hashlib.sha256(request).hexdigest()
    text = f"{ALGORITHM}\n{time_text}\n{scope}\n{digest}"
    return hmac.digest(signing_key, text.encode(), "sha256").hex().encode()


def canonical_request(
    method: str,
    canonical_path: str,
    canonical_query: str,
    headers: Headers,
    signed_headers: tuple[str, ...],
    payload: str,
) -> bytes:
    """Return the bytes that are hashed and signed for a request."""
    lines = [method, canonical_path, canonical_query]
    for name in signed_headers:
        values = headers.getall(name, ())
        value = values[0] if len(values) == 1 else ",".join(map(_trim, values))
        lines.append(f"{name}:{_trim(value)}")
    lines += ("", ";".join(signed_headers), payload)
    # Bytes that are no UTF-8 arrive as surrogates; the client has signed the bytes.
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def read_claim(
    target: Target,
    headers: Headers,
    *,
    services: Collection[str],
    regions: Collection[str],
) -> Claim | None:
    """Return what the request says of its signature; None if it is not signed.

    Raises:
        SignatureRefusedError: it does so in a way that cannot be right.
    """
    authorizations = headers.getall("Authorization", ())
    query = (
        {name: value for name, value in target.pairs if name in _QUERY_SET}
        if target.pairs
        else None
    )
    if query and authorizations:
        raise SignatureRefusedError(
            "InvalidArgument",
            "only one auth mechanism allowed: the 'Authorization' header or 'X-Amz-' "
            "parameters",
            ArgumentName="Authorization",
        )
    if query:
        claim = _read_query(target, query, headers)
    elif authorizations:
        claim = _read_header(authorizations, headers)
    elif any(name == "AWSAccessKeyId" for name, _ in target.pairs):
        raise unsupported_mechanism()  # presigned with version 2
    else:
        return None
    malformed = (
        "AuthorizationHeaderMalformed"
        if claim.expires_s is None
        else "AuthorizationQueryParametersError"
    )
    check_scope(claim.scope, services, regions, malformed)
    _check_signed_headers(claim, headers)
    return claim


def _read_header(authorizations: list[str], headers: Headers) -> Claim:
    text = authorizations[0]
    credential, _, signature = text.rpartition(_SIGNATURE)
    signer = _read_signer(credential) if len(authorizations) == 1 else None
    if signer is None or not signature:
        if text.startswith(ALGORITHM + " "):
            raise SignatureRefusedError(
                "AuthorizationHeaderMalformed",
                "authorization header is malformed: it needs Credential, SignedHeaders "
                "and Signature, in this order",
            )
        raise unsupported_mechanism()
    payload = headers.get(_SHA256_HEADER)
    if payload is None:
        raise SignatureRefusedError(
            "InvalidRequest",
            "missing required header for this request: x-amz-content-sha256",
        )
    access_key_id, scope, signed_headers = signer
    time_text = headers.get("x-amz-date", "")
    check_date(time_text, scope, "AuthorizationHeaderMalformed")
    return Claim(
        access_key_id,
        scope,
        time_text,
        signed_headers,
        signature.rstrip(),
        payload,
        None,
    )


@lru_cache(maxsize=_NAMES_CACHE_MAX)
def _read_signer(text: str) -> tuple[str, Scope, tuple[str, ...]] | None:
    """Return key id, scope and signed headers: the same all day for most clients.

    None: `text`, which is what stands before the signature, is not written so.
    """
    match = _CREDENTIAL.fullmatch(text)
    if match is None:
        return None
    credential, signed_headers = match.groups()
    access_key_id, scope = split_credential(credential, "AuthorizationHeaderMalformed")
    return access_key_id, scope, tuple(signed_headers.split(";"))


def _read_query(target: Target, query: dict[str, str], headers: Headers) -> Claim:
    malformed = "AuthorizationQueryParametersError"
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise unsupported_mechanism()
    names = [name for name, _ in target.pairs if name in _QUERY_SET]
    if sorted(names) != sorted(_QUERY_NAMES):
        raise SignatureRefusedError(
            malformed,
            f"a presigned request needs each of {', '.join(_QUERY_NAMES)}, once",
        )
    expires = query["X-Amz-Expires"]
    digits = expires.isascii() and expires.isdigit() and len(expires) <= 9
    if not digits or not 1 <= int(expires) <= EXPIRES_S_MAX:
        raise SignatureRefusedError(
            malformed, f"X-Amz-Expires must be a number from 1 to {EXPIRES_S_MAX}"
        )
    access_key_id, scope = split_credential(query["X-Amz-Credential"], malformed)
    time_text = query["X-Amz-Date"]
    check_date(time_text, scope, malformed)
    return Claim(
        access_key_id,
        scope,
        time_text,
        tuple(query["X-Amz-SignedHeaders"].split(";")),
        query["X-Amz-Signature"],
        _read_presigned_payload(target, headers),
        int(expires),
    )


def _read_presigned_payload(target: Target, headers: Headers) -> str:
    """Return what a presigned request says of its body.

    In the header; or in the query, where some SDKs put it. Whichever counts is part of
    what is signed, so that one that was added to the other breaks the signature.
    """
    payload = headers.get(_SHA256_HEADER)
    if payload is None:
        payload = dict(target.pairs).get(_SHA256_PARAMETER, UNSIGNED_PAYLOAD)
    return payload


def _check_signed_headers(claim: Claim, headers: Headers) -> None:
    unsigned = _find_unsigned(tuple(headers), claim.signed_headers)
    if unsigned:
        raise SignatureRefusedError(
            "AccessDenied",
            "there were headers present in the request which were not signed",
            HeadersNotSigned=", ".join(unsigned),
        )


@lru_cache(maxsize=_NAMES_CACHE_MAX)
def _find_unsigned(names: tuple[str, ...], signed: tuple[str, ...]) -> tuple[str, ...]:
    """Return which of the headers `names` had to be signed and are not."""
    unsigned = [] if "host" in signed else ["host"]
    for name in names:
        lowered = name.lower()
        if (
            lowered.startswith("x-amz-")
            and lowered not in signed
            and lowered != _SHA256_HEADER
        ):
            unsigned.append(lowered)
    return tuple(unsigned)


def unsupported_mechanism() -> SignatureRefusedError:
    """Return the error that refuses any other way to sign."""
    return SignatureRefusedError(
        "InvalidRequest",
        "the authorization mechanism you have provided is not supported. Please use "
        f"{ALGORITHM}.",
    )


def _trim(value: str) -> str:
    value = value.strip(" \t")
    return _SPACES.sub(" ", value) if "  " in value else value


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

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

import calendar
import hashlib
import hmac
import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

from msgspec import Struct
from multidict import CIMultiDict, CIMultiDictProxy

from ..errors import SignatureRefusedError
from .target import Target

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
EXPIRES_S_MAX = 7 * 24 * 3600
"""Longest life of a presigned URL; AWS's figure."""

Headers = CIMultiDictProxy[str] | CIMultiDict[str]

_TERMINATOR = "aws4_request"
_SHA256_HEADER = "x-amz-content-sha256"
_SHA256_PARAMETER = "X-Amz-Content-Sha256"
_TIME = re.compile(r"([0-9]{8})T[0-9]{6}Z", re.ASCII)
_AUTHORIZATION = re.compile(
    rf"({ALGORITHM} +Credential=[^,\s]+[,\s]+SignedHeaders=[^,\s]+)[,\s]+"
    r"Signature=([^,\s]+)\s*",
    re.ASCII,
)
_CREDENTIAL = re.compile(r".+? +Credential=([^,\s]+)[,\s]+SignedHeaders=([^,\s]+)")
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


@dataclass(frozen=True, slots=True)
class Scope:
    """What a derived key is good for."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{_TERMINATOR}"


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
        signed_s = _seconds(self.time)
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

    def verify_text(self, text: str, signing_key: bytes) -> bool:
        """Tell whether the signature is that of `text` alone: of the policy of a form."""
        signed = text.encode("utf-8", "surrogateescape")
        expected = hmac.digest(signing_key, signed, "sha256").hex().encode()
        return hmac.compare_digest(expected, self.signature.encode("utf-8", "replace"))

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
    for part in (scope.date, scope.region, scope.service, _TERMINATOR):
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
    query = {name: value for name, value in target.pairs if name in _QUERY_SET}
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
        raise _unsupported_mechanism()  # presigned with version 2
    else:
        return None
    _check_scope(claim, services, regions)
    _check_signed_headers(claim, headers)
    return claim


def read_form_claim(
    fields: Mapping[str, str], *, services: Collection[str], regions: Collection[str]
) -> Claim:
    """Return what the fields of a form say of the signature of their policy.

    Args:
        fields: by name, in lower case.
        services: what the scope may name.
        regions: what the scope may name; the first is told to clients.

    Raises:
        SignatureRefusedError: they do so in a way that cannot be right.
    """
    if fields.get("x-amz-algorithm") != ALGORITHM:
        raise _unsupported_mechanism()
    for name in ("x-amz-credential", "x-amz-date", "x-amz-signature"):
        if not fields.get(name):
            raise SignatureRefusedError(
                "InvalidArgument",
                f"a signed form needs the field '{name}'",
                ArgumentName=name,
            )
    malformed = "AuthorizationQueryParametersError"
    access_key_id, scope = _split_credential(fields["x-amz-credential"], malformed)
    _check_date(fields["x-amz-date"], scope, malformed)
    claim = Claim(
        access_key_id,
        scope,
        fields["x-amz-date"],
        (),
        fields["x-amz-signature"],
        UNSIGNED_PAYLOAD,
        EXPIRES_S_MAX,  # the policy says when
    )
    _check_scope(claim, services, regions)
    return claim


def _read_header(authorizations: list[str], headers: Headers) -> Claim:
    text = authorizations[0]
    match = _AUTHORIZATION.fullmatch(text) if len(authorizations) == 1 else None
    if match is None:
        if text.startswith(ALGORITHM + " "):
            raise SignatureRefusedError(
                "AuthorizationHeaderMalformed",
                "authorization header is malformed: it needs Credential, SignedHeaders "
                "and Signature, in this order",
            )
        raise _unsupported_mechanism()
    credential, signature = match.groups()
    payload = headers.get(_SHA256_HEADER)
    if payload is None:
        raise SignatureRefusedError(
            "InvalidRequest",
            "missing required header for this request: x-amz-content-sha256",
        )
    access_key_id, scope, signed_headers = _read_credential(credential)
    time_text = headers.get("x-amz-date", "")
    _check_date(time_text, scope, "AuthorizationHeaderMalformed")
    return Claim(
        access_key_id,
        scope,
        time_text,
        signed_headers,
        signature,
        payload,
        None,
    )


@lru_cache(maxsize=_NAMES_CACHE_MAX)
def _read_credential(text: str) -> tuple[str, Scope, tuple[str, ...]]:
    """Return key id, scope and signed headers: the same all day for most clients."""
    match = _CREDENTIAL.fullmatch(text)
    assert match is not None  # `_AUTHORIZATION` has matched
    credential, signed_headers = match.groups()
    access_key_id, scope = _split_credential(credential, "AuthorizationHeaderMalformed")
    return access_key_id, scope, tuple(signed_headers.split(";"))


def _read_query(target: Target, query: dict[str, str], headers: Headers) -> Claim:
    malformed = "AuthorizationQueryParametersError"
    if query.get("X-Amz-Algorithm") != ALGORITHM:
        raise _unsupported_mechanism()
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
    access_key_id, scope = _split_credential(query["X-Amz-Credential"], malformed)
    time_text = query["X-Amz-Date"]
    _check_date(time_text, scope, malformed)
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


def _split_credential(credential: str, malformed: str) -> tuple[str, Scope]:
    match credential.split("/"):
        case [access_key_id, date, region, service, terminator] if (
            terminator == _TERMINATOR and access_key_id
        ):
            return access_key_id, Scope(date, region, service)
        case _:
            raise SignatureRefusedError(
                malformed,
                "credential is malformed: write it as "
                f"'KEY-ID/YYYYMMDD/REGION/SERVICE/{_TERMINATOR}'",
            )


def _check_date(time_text: str, scope: Scope, malformed: str) -> None:
    match = _TIME.fullmatch(time_text)
    if match is None or _seconds(time_text) < 0:
        raise SignatureRefusedError(
            "AccessDenied",
            "a signed request needs a valid X-Amz-Date: write it as '20261101T120000Z'",
        )
    if match[1] != scope.date:
        raise SignatureRefusedError(
            malformed,
            f"date of the credential is '{scope.date}', not that of X-Amz-Date, "
            f"'{match[1]}'",
        )


def _check_scope(
    claim: Claim, services: Collection[str], regions: Collection[str]
) -> None:
    malformed = (
        "AuthorizationHeaderMalformed"
        if claim.expires_s is None
        else "AuthorizationQueryParametersError"
    )
    if claim.scope.service not in services:
        raise SignatureRefusedError(
            malformed,
            f"service of the credential is '{claim.scope.service[:40]}', not "
            f"'{min(services)}'",
        )
    if claim.scope.region not in regions:
        region = next(iter(regions))
        raise SignatureRefusedError(
            malformed,
            f"the region '{claim.scope.region[:40]}' is wrong; expecting '{region}'",
            Region=region,
        )


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


def _unsupported_mechanism() -> SignatureRefusedError:
    return SignatureRefusedError(
        "InvalidRequest",
        "the authorization mechanism you have provided is not supported. Please use "
        f"{ALGORITHM}.",
    )


def _trim(value: str) -> str:
    value = value.strip(" \t")
    return _SPACES.sub(" ", value) if "  " in value else value


@lru_cache(maxsize=256)
def _seconds(time_text: str) -> int:
    """Return `time_text` in seconds since 1970; -1 if there is no such time."""
    try:
        return calendar.timegm(time.strptime(time_text, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return -1


def _iso(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

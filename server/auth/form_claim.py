"""The signature of a form that a page sends: of its policy alone, in fields of the form.

Source: AWS, "Authenticating requests in browser-based uploads using POST".
"""

from __future__ import annotations

import hmac
from collections.abc import Collection, Mapping

from ..errors import SignatureRefusedError
from .scope import check_date, check_scope, split_credential
from .sigv4 import (
    ALGORITHM,
    EXPIRES_S_MAX,
    UNSIGNED_PAYLOAD,
    Claim,
    unsupported_mechanism,
)

_MALFORMED = "AuthorizationQueryParametersError"


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
        raise unsupported_mechanism()
    for name in ("x-amz-credential", "x-amz-date", "x-amz-signature"):
        if not fields.get(name):
            raise SignatureRefusedError(
                "InvalidArgument",
                f"a signed form needs the field '{name}'",
                ArgumentName=name,
            )
    access_key_id, scope = split_credential(fields["x-amz-credential"], _MALFORMED)
    check_date(fields["x-amz-date"], scope, _MALFORMED)
    claim = Claim(
        access_key_id,
        scope,
        fields["x-amz-date"],
        (),
        fields["x-amz-signature"],
        UNSIGNED_PAYLOAD,
        EXPIRES_S_MAX,  # or sooner, as the policy says
    )
    check_scope(scope, services, regions, _MALFORMED)
    return claim


def is_signed(policy: str, claim: Claim, signing_key: bytes) -> bool:
    """Tell whether the signature of `claim` is that of `policy` under `signing_key`."""
    expected = hmac.digest(signing_key, policy.encode(), "sha256").hex().encode()
    return hmac.compare_digest(expected, claim.signature.encode("utf-8", "replace"))

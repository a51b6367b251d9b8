"""What the signature of a request says of its body: the value of x-amz-content-sha256."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from ..auth.sigv4 import UNSIGNED_PAYLOAD
from .errors import S3Error

EMPTY_SHA256 = hashlib.sha256().hexdigest()

_HEX_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)
_ASYMMETRIC = "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"


@dataclass(frozen=True, slots=True)
class Payload:
    """How a body is protected, and framed."""

    sha256: str | None = None
    """The hex SHA-256 of the whole body, which was signed with the request."""
    is_chunked: bool = False
    """It is framed as `aws-chunked`."""
    is_signed: bool = False
    """Each chunk has a signature."""
    has_trailer: bool = False
    """Checksums may follow the last chunk."""

    @classmethod
    def parse(cls, text: str) -> Payload:
        """Return what `text` says.

        Raises:
            S3Error: nothing that we know.
        """
        payload = _MODES.get(text)
        if payload is not None:
            return payload
        if _HEX_SHA256.fullmatch(text):
            return cls(sha256=text)
        if text.startswith(_ASYMMETRIC):
            raise S3Error(
                "InvalidRequest",
                "the authorization mechanism you have provided is not supported. "
                "Please use AWS4-HMAC-SHA256.",
            )
        raise S3Error(
            "InvalidArgument",
            f"x-amz-content-sha256 must be {UNSIGNED_PAYLOAD}, one of "
            f"{', '.join(name for name in _MODES if name != UNSIGNED_PAYLOAD)}, or a "
            "valid sha256 value",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=text[:100],
        )


_MODES = {
    UNSIGNED_PAYLOAD: Payload(),
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER": Payload(is_chunked=True, has_trailer=True),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": Payload(is_chunked=True, is_signed=True),
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": Payload(
        is_chunked=True, is_signed=True, has_trailer=True
    ),
}

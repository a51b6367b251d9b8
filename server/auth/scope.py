"""What a signature is good for: one day, one region, one service."""

from __future__ import annotations

import calendar
import re
import time
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from ..errors import SignatureRefusedError

TERMINATOR = "aws4_request"
_TIME = re.compile(r"([0-9]{8})T[0-9]{6}Z", re.ASCII)


class Scope(NamedTuple):
    """What a derived key is good for."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def split_credential(credential: str, malformed: str) -> tuple[str, Scope]:
    """Return key id and scope of a credential.

    Raises:
        SignatureRefusedError: it is none; `malformed` is AWS's word for that.
    """
    match credential.split("/"):
        case [access_key_id, date, region, service, terminator] if (
            terminator == TERMINATOR and access_key_id
        ):
            return access_key_id, Scope(date, region, service)
        case _:
            raise SignatureRefusedError(
                malformed,
                "credential is malformed: write it as "
                f"'KEY-ID/YYYYMMDD/REGION/SERVICE/{TERMINATOR}'",
            )


@lru_cache(maxsize=256)
def check_date(time_text: str, scope: Scope, malformed: str) -> None:
    """Return if a signature of the time `time_text` may have `scope`.

    Raises:
        SignatureRefusedError: it is no time, or of another day.
    """
    match = _TIME.fullmatch(time_text)
    if match is None or seconds_of(time_text) < 0:
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


def check_scope(
    scope: Scope, services: Collection[str], regions: Collection[str], malformed: str
) -> None:
    """Return if a signature for `scope` is for us.

    Raises:
        SignatureRefusedError: it is for another service or region.
    """
    if scope.service not in services:
        raise SignatureRefusedError(
            malformed,
            f"service of the credential is '{scope.service[:40]}', not "
            f"'{min(services)}'",
        )
    if scope.region not in regions:
        region = next(iter(regions))
        raise SignatureRefusedError(
            malformed,
            f"the region '{scope.region[:40]}' is wrong; expecting '{region}'",
            Region=region,
        )


@lru_cache(maxsize=256)
def seconds_of(time_text: str) -> int:
    """Return `time_text` in seconds since 1970; -1 if there is no such time."""
    try:
        return calendar.timegm(time.strptime(time_text, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return -1

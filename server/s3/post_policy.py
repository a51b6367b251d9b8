"""The policy of a form: what its signer allows the sender to upload.

A form is sent by somebody who has no key, so every field must be one that the policy
speaks of: what it does not mention, nobody allowed. Field names have no case; values do.

Source: AWS, "Creating a POST policy".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, cast

from .errors import S3Error

_EXEMPT = frozenset({"file", "policy", "x-amz-signature"})
_IGNORED = "x-ignore-"
BUCKET = "bucket"
"""The one condition that every policy has: or it would be good for all buckets."""


@dataclass(frozen=True, slots=True)
class _Condition:
    operator: Literal["eq", "starts-with"]
    field: str
    value: str

    def holds(self, fields: Mapping[str, str]) -> bool:
        given = fields.get(self.field, "")
        if self.operator == "eq":
            return given == self.value
        return given.startswith(self.value)


@dataclass(frozen=True, slots=True)
class PostPolicy:
    """A policy, read."""

    expires_ms: int
    conditions: tuple[_Condition, ...]
    size_bytes_min: int = 0
    size_bytes_max: int | None = None

    @classmethod
    def parse(cls, text: str) -> PostPolicy:
        """Return the policy that the field `policy` has as `text`.

        Raises:
            S3Error: it is none.
        """
        try:
            document: object = json.loads(base64.b64decode(text, validate=True))
        except (ValueError, binascii.Error, RecursionError):
            raise _invalid("it is not JSON in base64") from None
        if not isinstance(document, dict):
            raise _invalid("it is no object")
        policy = cast("dict[str, object]", document)
        items = policy.get("conditions")
        if set(policy) != {"expiration", "conditions"} or not isinstance(items, list):
            raise _invalid("it needs an 'expiration' and a list of 'conditions'")
        conditions: list[_Condition] = []
        size_bytes_min, size_bytes_max = 0, None
        for item in cast("list[object]", items):
            match item:
                case [str(operator), int(low), int(high)] if (
                    operator.lower() == "content-length-range" and 0 <= low <= high
                ):
                    size_bytes_min = max(size_bytes_min, low)
                    known = high if size_bytes_max is None else size_bytes_max
                    size_bytes_max = min(known, high)
                case _:
                    conditions += _read_conditions(item)
        return cls(
            _read_time(policy["expiration"]),
            tuple(conditions),
            size_bytes_min,
            size_bytes_max,
        )

    def check(self, fields: Mapping[str, str], *, bucket: str, now_ms: int) -> None:
        """Return if the policy allows a form with `fields` to be sent to `bucket` now.

        Raises:
            S3Error: it does not.
        """
        if now_ms > self.expires_ms:
            raise _denied("policy expired")
        if fields.get(BUCKET, bucket) != bucket:
            raise _denied("the field 'bucket' is not the bucket of the request")
        known = {**fields, BUCKET: bucket}
        for condition in self.conditions:
            if not condition.holds(known):
                raise _denied(
                    f'policy condition failed: ["{condition.operator}", '
                    f'"${condition.field}", "{condition.value}"]'
                )
        spoken_of = {condition.field for condition in self.conditions}
        for name in known:
            if (
                name not in spoken_of
                and name not in _EXEMPT
                and not name.startswith(_IGNORED)
            ):
                raise _denied(f"extra input fields: {name[:80]}")

    def check_size(self, size_bytes: int, *, is_whole: bool) -> None:
        """Return if the policy allows a file of, or yet of, `size_bytes`.

        Raises:
            S3Error: it does not.
        """
        if self.size_bytes_max is not None and size_bytes > self.size_bytes_max:
            raise S3Error(
                "EntityTooLarge",
                "your proposed upload exceeds the maximum allowed size",
                ProposedSize=str(size_bytes),
                MaxSizeAllowed=str(self.size_bytes_max),
            )
        if is_whole and size_bytes < self.size_bytes_min:
            raise S3Error(
                "EntityTooSmall",
                "your proposed upload is smaller than the minimum allowed size",
                ProposedSize=str(size_bytes),
                MinSizeAllowed=str(self.size_bytes_min),
            )


def _read_conditions(item: object) -> list[_Condition]:
    match item:
        case [str(operator), str(field), str(value)] if field.startswith("$"):
            match operator.lower():
                case "eq" | "starts-with" as known:
                    return [_Condition(known, field[1:].lower(), value)]
                case _:
                    pass
        case dict() if item:
            pairs = cast("dict[str, object]", item)
            return [
                _Condition("eq", name.lower(), _read_value(value))
                for name, value in pairs.items()
            ]
        case _:
            pass
    raise _invalid(f"malformed condition: {json.dumps(item)[:200]}")


def _read_value(value: object) -> str:
    if not isinstance(value, str):
        raise _invalid(f"the value {json.dumps(value)[:80]} of a condition is no text")
    return value


def _read_time(text: object) -> int:
    try:
        moment = datetime.fromisoformat(text if isinstance(text, str) else "")
        if moment.tzinfo is None:
            raise ValueError
        return int(moment.astimezone(UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise _invalid(
            "its expiration is no time: write it as '2026-11-01T12:00:00Z'"
        ) from None


def _invalid(why: str) -> S3Error:
    return S3Error(
        "InvalidPolicyDocument",
        f"the content of the form does not meet the policy: {why}",
    )


def _denied(why: str) -> S3Error:
    return S3Error("AccessDenied", f"invalid according to policy: {why}")

"""What clients ask of buckets and objects that nobody configured, as AWS answers it.

Many clients probe before they work; an answer of another kind than AWS's stops them.
Setting any of it is not implemented, and the table refuses that: it is in no row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from aiohttp import web

from .buckets import require_bucket
from .call import Call
from .errors import S3Error
from .versions import find_version
from .xml import Element

Handler = Callable[[Call], Awaitable[web.StreamResponse]]

_MISSING = {
    "cors": ("GetBucketCors", "NoSuchCORSConfiguration", "CORS configuration"),
    "encryption": (
        "GetBucketEncryption",
        "ServerSideEncryptionConfigurationNotFoundError",
        "server side encryption configuration",
    ),
    "lifecycle": (
        "GetBucketLifecycleConfiguration",
        "NoSuchLifecycleConfiguration",
        "lifecycle configuration",
    ),
    "object-lock": (
        "GetObjectLockConfiguration",
        "ObjectLockConfigurationNotFoundError",
        "object lock configuration",
    ),
    "policy": ("GetBucketPolicy", "NoSuchBucketPolicy", "bucket policy"),
    "policyStatus": ("GetBucketPolicyStatus", "NoSuchBucketPolicy", "bucket policy"),
    "publicAccessBlock": (
        "GetPublicAccessBlock",
        "NoSuchPublicAccessBlockConfiguration",
        "public access block configuration",
    ),
    "replication": (
        "GetBucketReplication",
        "ReplicationConfigurationNotFoundError",
        "replication configuration",
    ),
    "tagging": ("GetBucketTagging", "NoSuchTagSet", "tag set"),
    "website": (
        "GetBucketWebsite",
        "NoSuchWebsiteConfiguration",
        "website configuration",
    ),
}
"""Sub-resource: operation, code and what is missing."""

_DOCUMENTS: dict[str, tuple[str, str, list[Element]]] = {
    "accelerate": (
        "GetBucketAccelerateConfiguration",
        "AccelerateConfiguration",
        [],
    ),
    "logging": ("GetBucketLogging", "BucketLoggingStatus", []),
    "notification": (
        "GetBucketNotificationConfiguration",
        "NotificationConfiguration",
        [],
    ),
    "ownershipControls": (
        "GetBucketOwnershipControls",
        "OwnershipControls",
        [("Rule", [("ObjectOwnership", "BucketOwnerEnforced")])],
    ),
    "requestPayment": (
        "GetBucketRequestPayment",
        "RequestPaymentConfiguration",
        [("Payer", "BucketOwner")],
    ),
    # S3's own versioning is off: ours is in refs.
    "versioning": ("GetBucketVersioning", "VersioningConfiguration", []),
}
"""Sub-resource: operation, and the document that says what is the case."""

_LISTS = {
    "analytics": ("GetBucketAnalyticsConfiguration", "Analytics"),
    "intelligent-tiering": (
        "GetBucketIntelligentTieringConfiguration",
        "IntelligentTiering",
    ),
    "inventory": ("GetBucketInventoryConfiguration", "Inventory"),
    "metrics": ("GetBucketMetricsConfiguration", "Metrics"),
}
"""Sub-resource: operation, and the kind of what could be configured many times."""

OBJECT_LOCKS = {
    "legal-hold": "GetObjectLegalHold",
    "retention": "GetObjectRetention",
}
"""Sub-resource: operation, on objects."""


class Answer(NamedTuple):
    """What is answered to a GET of a bucket with a sub-resource."""

    operation: str
    sub_resource: str
    handler: Handler
    parameters: frozenset[str] = frozenset()


def answers_of_buckets() -> list[Answer]:
    """Return all of them."""
    parameters = frozenset({"id", "continuation-token"})
    return [
        *(
            Answer(operation, name, _refuse(code, f"the {what} does not exist"))
            for name, (operation, code, what) in _MISSING.items()
        ),
        *(
            Answer(operation, name, _tell(root, content))
            for name, (operation, root, content) in _DOCUMENTS.items()
        ),
        *(
            Answer(operation, name, _list_none(kind), parameters)
            for name, (operation, kind) in _LISTS.items()
        ),
    ]


def _refuse(code: str, message: str) -> Handler:
    async def answer(call: Call) -> web.StreamResponse:
        bucket = await require_bucket(call)
        raise S3Error(code, message, BucketName=bucket.name)

    return answer


def _tell(root: str, content: list[Element]) -> Handler:
    async def answer(call: Call) -> web.StreamResponse:
        await require_bucket(call)
        return call.answer_document(root, content)

    return answer


def _list_none(kind: str) -> Handler:
    async def answer(call: Call) -> web.StreamResponse:
        bucket = await require_bucket(call)
        if "id" in call.parameters:
            raise S3Error(
                "NoSuchConfiguration",
                "the specified configuration does not exist",
                BucketName=bucket.name,
            )
        return call.answer_document(
            f"ListBucket{kind}ConfigurationsResult", [("IsTruncated", "false")]
        )

    return answer


async def refuse_object_lock(call: Call) -> web.StreamResponse:
    """Say that an object has no lock, because its bucket has none."""
    await find_version(call, call.get_object_name(), call.parameters.get("versionId"))
    raise S3Error("InvalidRequest", "bucket is missing object lock configuration")

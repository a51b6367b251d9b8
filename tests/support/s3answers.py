"""What tests read out of the answers of the gateway."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from .s3server import Answer


def refusal(call: Any, **arguments: Any) -> tuple[str, int]:
    """Return code and status with which a call of boto3 is refused."""
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    error: Any = caught.value
    response = error.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def code_of(answer: Answer) -> str:
    """Return the code of an error document."""
    root = ElementTree.fromstring(answer.body)
    assert root.tag == "Error"
    return root.findtext("Code") or ""

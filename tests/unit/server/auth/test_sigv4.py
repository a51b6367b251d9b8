"""Signatures: AWS's own examples, botocore as the other side, and every way to tamper."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given
from hypothesis import strategies as st
from lakebed.server.auth.scope import Scope
from lakebed.server.auth.sigv4 import (
    Claim,
    SigningKeys,
    canonical_request,
    derive_key,
    read_claim,
    sign,
)
from lakebed.server.auth.target import Target
from lakebed.server.errors import InvalidValueError, SignatureRefusedError
from multidict import CIMultiDict

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HOST = "examplebucket.s3.amazonaws.com"


@dataclass(frozen=True)
class Sent:
    """A request as it comes over the wire."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def claim(self) -> Claim:
        claim = read_claim(
            Target.parse(self.target),
            CIMultiDict(self.headers),
            services=["s3"],
            regions=["us-east-1"],
        )
        assert claim is not None
        return claim

    def is_proven(self, secret: str = SECRET) -> bool:
        claim = self.claim()
        return claim.verify(
            self.method,
            Target.parse(self.target),
            CIMultiDict(self.headers),
            derive_key(secret, claim.scope),
        )

    def with_header(self, name: str, value: str) -> Sent:
        kept = tuple(pair for pair in self.headers if pair[0].lower() != name.lower())
        return replace(self, headers=(*kept, (name, value)))


def authorization(signed_headers: str, signature: str) -> tuple[str, str]:
    credential = f"{KEY_ID}/20130524/us-east-1/s3/aws4_request"
    claims = f"Credential={credential},SignedHeaders={signed_headers}"
    return "Authorization", f"AWS4-HMAC-SHA256 {claims},Signature={signature}"


S3_EXAMPLES = {
    "get with range": Sent(
        "GET",
        "/test.txt",
        (
            ("Host", HOST),
            ("Range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY_SHA256),
            ("x-amz-date", "20130524T000000Z"),
            authorization(
                "host;range;x-amz-content-sha256;x-amz-date",
                "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
            ),
        ),
    ),
    "put": Sent(
        "PUT",
        "/test$file.text",
        (
            ("Host", HOST),
            ("Date", "Fri, 24 May 2013 00:00:00 GMT"),
            (
                "x-amz-content-sha256",
                "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            ),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            authorization(
                "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
            ),
        ),
    ),
    "sub-resource": Sent(
        "GET",
        "/?lifecycle",
        (
            ("Host", HOST),
            ("x-amz-content-sha256", EMPTY_SHA256),
            ("x-amz-date", "20130524T000000Z"),
            authorization(
                "host;x-amz-content-sha256;x-amz-date",
                "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
            ),
        ),
    ),
    "list": Sent(
        "GET",
        "/?max-keys=2&prefix=J",
        (
            ("Host", HOST),
            ("x-amz-content-sha256", EMPTY_SHA256),
            ("x-amz-date", "20130524T000000Z"),
            authorization(
                "host;x-amz-content-sha256;x-amz-date",
                "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
            ),
        ),
    ),
    "presigned": Sent(
        "GET",
        "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        f"&X-Amz-Credential={KEY_ID}%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature="
        "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
        (("Host", HOST),),
    ),
}
"""From "Authenticating requests (AWS signature version 4)" of the S3 reference."""


@pytest.mark.parametrize("sent", S3_EXAMPLES.values(), ids=S3_EXAMPLES.keys())
def test_examples_of_the_s3_reference_are_proven(sent: Sent) -> None:
    assert sent.is_proven()
    assert not sent.is_proven(secret=SECRET[:-1] + "Z")


SUITE_EMPTY = (("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z"))
SUITE = {
    "get-vanilla": (
        ("GET", "/"),
        SUITE_EMPTY,
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    "get-vanilla-query-order-key-case": (
        ("GET", "/?Param2=value2&Param1=value1"),
        SUITE_EMPTY,
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    "post-vanilla": (
        ("POST", "/"),
        SUITE_EMPTY,
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
}
"""From AWS's "aws-sig-v4-test-suite"; its service is called `service`."""


@pytest.mark.parametrize(
    ("request_line", "headers", "signature"), SUITE.values(), ids=SUITE.keys()
)
def test_signatures_are_those_of_the_test_suite(
    request_line: tuple[str, str],
    headers: tuple[tuple[str, str], ...],
    signature: str,
) -> None:
    scope = Scope("20150830", "us-east-1", "service")
    key = derive_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope)
    target = Target.parse(request_line[1])
    names = tuple(name.lower() for name, _ in headers)

    request = canonical_request(
        request_line[0],
        target.canonical_path,
        target.canonical_query(),
        CIMultiDict(headers),
        names,
        EMPTY_SHA256,
    )

    assert sign(request, "20150830T123600Z", scope, key).decode() == signature


def test_repeated_headers_are_joined_and_spaces_collapsed() -> None:
    headers: CIMultiDict[str] = CIMultiDict([("A", "  x   y "), ("a", "z")])

    text = canonical_request("GET", "/", "", headers, ("a",), "p").decode()

    assert text == "GET\n/\n\na:x y,z\n\na\np"


# --- botocore is the other side -------------------------------------------------------

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)
header_values = st.text(
    st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12
)
header_names = st.from_regex(r"x-amz-(meta-)?[a-z]{1,8}", fullmatch=True).filter(
    lambda name: name not in ("x-amz-date", "x-amz-content-sha256")
)


@st.composite
def signed_requests(draw: st.DrawFn) -> Sent:
    key = "/bucket/" + draw(texts)
    query = draw(st.lists(st.tuples(texts.filter(bool), texts), max_size=3))
    encoded = "&".join(
        f"{quote(name, safe='-._~')}={quote(value, safe='-._~')}"
        for name, value in query
    )
    assume(not any(name.startswith("X-Amz-") for name, _ in query))
    target = quote(key, safe="/-._~") + (f"?{encoded}" if encoded else "")
    headers = draw(st.dictionaries(header_names, header_values, max_size=3))
    request: Any = AWSRequest(
        draw(st.sampled_from(["GET", "PUT", "HEAD", "DELETE"])),
        f"http://127.0.0.1:8000{target}",
        headers=headers,
        data=b"",
    )
    credentials = Credentials(KEY_ID, SECRET)
    if draw(st.booleans()):
        signer: Any = S3SigV4Auth(credentials, "s3", "us-east-1")
    else:
        signer = S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=60)
    signer.add_auth(request)
    prepared = request.prepare()
    sent = [
        (name, value.decode() if isinstance(value, bytes) else str(value))
        for name, value in prepared.headers.items()
    ]
    url = str(prepared.url).removeprefix("http://127.0.0.1:8000")
    return Sent(str(prepared.method), url, (("Host", "127.0.0.1:8000"), *sent))


@given(sent=signed_requests())
def test_what_botocore_signs_is_proven(sent: Sent) -> None:
    assert sent.is_proven()


@given(sent=signed_requests(), data=st.data())
def test_nothing_that_is_signed_can_be_changed(sent: Sent, data: st.DataObject) -> None:
    path, mark, query = sent.target.partition("?")
    changes = [
        replace(sent, method="POST"),
        replace(sent, target=f"{path}x{mark}{query}"),
        replace(sent, target=f"{path}/{mark}{query}"),
        replace(sent, target=f"{path}?{query}&acl" if query else f"{path}?acl"),
        sent.with_header("Host", "other:8000"),
        sent.with_header("x-amz-copy-source", "/other/key"),
        sent.with_header("x-amz-content-sha256", "0" * 64),
    ]
    for name, value in sent.headers:
        if name.lower().startswith("x-amz-"):
            changes.append(sent.with_header(name, value + "1"))
    changed = data.draw(st.sampled_from(changes))

    try:
        proven = changed.is_proven()
    except SignatureRefusedError:
        proven = False

    assert not proven


@given(sent=signed_requests())
def test_an_encoded_slash_signs_like_a_slash(sent: Sent) -> None:
    """And acts like one: `Target.path` is what is acted upon."""
    path, mark, query = sent.target.partition("?")
    other = replace(sent, target="/bucket%2F" + path[8:] + mark + query)

    assert other.is_proven()
    assert Target.parse(other.target).path == Target.parse(sent.target).path


# --- claims that cannot be right ------------------------------------------------------

GOOD = S3_EXAMPLES["get with range"]
PRESIGNED = S3_EXAMPLES["presigned"]


@pytest.mark.parametrize(
    ("sent", "aws_code"),
    [
        (GOOD.with_header("Authorization", "AWS AKIA:sig"), "InvalidRequest"),
        (
            GOOD.with_header("Authorization", "AWS4-ECDSA-P256-SHA256 x"),
            "InvalidRequest",
        ),
        (
            GOOD.with_header("Authorization", "AWS4-HMAC-SHA256 nonsense"),
            "AuthorizationHeaderMalformed",
        ),
        (GOOD.with_header("x-amz-date", "yesterday"), "AccessDenied"),
        (
            GOOD.with_header("x-amz-date", "20130525T000000Z"),
            "AuthorizationHeaderMalformed",
        ),
        (GOOD.with_header("x-amz-copy-source", "/a/b"), "AccessDenied"),
        (PRESIGNED.with_header("x-amz-tagging", "a=b"), "AccessDenied"),
        (
            replace(PRESIGNED, headers=(*PRESIGNED.headers, GOOD.headers[-1])),
            "InvalidArgument",
        ),
        (
            replace(GOOD, headers=tuple(GOOD.headers[i] for i in (0, 1, 3, 4))),
            "InvalidRequest",
        ),
    ],
)
def test_claims_that_cannot_be_right_are_refused(sent: Sent, aws_code: str) -> None:
    with pytest.raises(SignatureRefusedError) as caught:
        sent.claim()

    assert caught.value.aws_code == aws_code


@pytest.mark.parametrize("expires", ["0", "-1", "604801", "abc", "", "9" * 30])
def test_a_presigned_life_is_of_one_second_to_seven_days(expires: str) -> None:
    target = PRESIGNED.target.replace("Expires=86400", f"Expires={expires}")

    with pytest.raises(SignatureRefusedError) as caught:
        replace(PRESIGNED, target=target).claim()

    assert caught.value.aws_code == "AuthorizationQueryParametersError"


def test_another_region_is_told_the_right_one() -> None:
    sent = GOOD.with_header(
        "Authorization", GOOD.headers[-1][1].replace("us-east-1", "eu-west-1")
    )

    with pytest.raises(SignatureRefusedError) as caught:
        sent.claim()

    assert caught.value.facts == {"Region": "us-east-1"}


SIGNED_S = 1369353600
"""20130524T000000Z."""


@pytest.mark.parametrize("offset_s", [-901, 901, -86400, 86400])
def test_a_signature_of_another_time_is_refused(offset_s: int) -> None:
    with pytest.raises(SignatureRefusedError) as caught:
        GOOD.claim().check_time(SIGNED_S + offset_s, 900)

    assert caught.value.aws_code == "RequestTimeTooSkewed"


@pytest.mark.parametrize("offset_s", [-900, 0, 900])
def test_a_signature_of_about_now_is_taken(offset_s: int) -> None:
    GOOD.claim().check_time(SIGNED_S + offset_s, 900)


def test_a_presigned_request_lives_as_long_as_it_says() -> None:
    claim = PRESIGNED.claim()
    claim.check_time(SIGNED_S + 86400, 900)

    for now_s in (SIGNED_S + 86401, SIGNED_S - 901):
        with pytest.raises(SignatureRefusedError) as caught:
            claim.check_time(now_s, 900)
        assert caught.value.aws_code == "AccessDenied"


def test_derived_keys_are_kept_apart_by_secret_and_scope() -> None:
    keys = SigningKeys()
    day = Scope("20130524", "us-east-1", "s3")
    other_day = day._replace(date="20130525")

    assert keys.derive("one", b"1", day) == derive_key("one", day)
    assert keys.derive("two", b"2", day) == derive_key("two", day)
    assert keys.derive("one", b"1", other_day) == derive_key("one", other_day)


@pytest.mark.parametrize("raw", ["/%", "/%zz", "/a?%ff=1", "/%c3", "/a?x=%C3%28"])
def test_a_target_that_is_not_clean_is_refused(raw: str) -> None:
    with pytest.raises(InvalidValueError):
        Target.parse(raw)


def test_a_plus_is_a_space_in_a_query_only_and_nothing_is_normalised() -> None:
    target = Target.parse("http://host:1/b/../a//%2E/+?p=a+b&p=%2B&acl")

    assert target.path == "/b/../a//./+"
    assert target.pairs == (("p", "a b"), ("p", "+"), ("acl", ""))
    assert target.canonical_query() == "acl=&p=%2B&p=a%20b"

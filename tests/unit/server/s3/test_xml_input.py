"""Documents of clients: read whatever the namespace, refused whatever the trick."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.server.s3.errors import S3Error
from lakebed.server.s3.xml_input import DEPTH_MAX, ELEMENTS_MAX, read_document

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


@pytest.mark.parametrize("attribute", ["", f' xmlns="{NAMESPACE}"', ' xmlns="urn:x"'])
def test_elements_are_found_in_any_namespace(attribute: str) -> None:
    data = (
        f"<Delete{attribute}><Object><Key> a&amp;b&#13;</Key></Object>"
        "<!-- not this --><Quiet>true</Quiet></Delete>"
    )

    document = read_document(data.encode(), "Delete")

    keys = [child.find_text("Key") for child in document.children("Object")]
    assert keys == [" a&b\r"]
    assert document.find_text("Quiet") == "true"
    assert document.find_text("Absent") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<Delete>",
        b"<Other/>",
        b"<Delete/><Delete/>",
        b"\xff\xfe\xff",
        b'<!DOCTYPE d [<!ENTITY a "aaaa">]><Delete><Key>&a;</Key></Delete>',
        b'<!DOCTYPE d SYSTEM "file:///etc/passwd"><Delete/>',
        b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete>&x;</Delete>',
        b"<Delete>&undefined;</Delete>",
        b"<Delete>" + b"<a>" * DEPTH_MAX + b"</a>" * DEPTH_MAX + b"</Delete>",
        b"<Delete>" + b"<a>" * 100_000,
    ],
)
def test_what_is_no_plain_document_is_refused(data: bytes) -> None:
    with pytest.raises(S3Error) as caught:
        read_document(data, "Delete")

    assert caught.value.code == "MalformedXML"


def test_an_element_that_comes_twice_has_no_one_text() -> None:
    document = read_document(b"<D><Key>a</Key><Key>b</Key></D>", "D")

    with pytest.raises(S3Error, match="'Key' comes 2 times"):
        document.find_text("Key")


def test_a_document_of_very_many_elements_is_given_up_on_the_way() -> None:
    # A million of them took the event loop for seconds, before they were looked at.
    full = b"<Delete>" + b"<a/>" * (ELEMENTS_MAX - 1) + b"</Delete>"
    more = b"<Delete>" + b"<a/>" * ELEMENTS_MAX + b"</Delete>"

    assert len(list(read_document(full, "Delete").children())) == ELEMENTS_MAX - 1
    assert len(list(read_document(more, "Delete", elements_max=10_000).children()))
    for data in (more, b"<Delete>" + b"<a/>" * 50_000 + b"<no xml"):
        with pytest.raises(S3Error, match=f"more than {ELEMENTS_MAX} elements"):
            read_document(data, "Delete")


@pytest.mark.parametrize(
    "data",
    [
        b"<Delete " + b"".join(b"a%d='' " % number for number in range(30_000)) + b"/>",
        b"<Delete>" + b"&#38;" * 50_000 + b"</Delete>",
    ],
)
def test_a_tag_or_text_that_goes_on_and_on_is_given_up_on_the_way(data: bytes) -> None:
    with pytest.raises(S3Error, match="overlong tag or text"):
        read_document(data, "Delete")


@given(noise=st.binary())
def test_noise_is_refused_and_never_crashes(noise: bytes) -> None:
    with pytest.raises(S3Error):
        read_document(noise, "Delete")

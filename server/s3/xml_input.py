"""Reads the XML documents that clients send: small, shallow, and nothing but elements.

A document type is refused, so there are no entities to expand and nothing to fetch; size,
depth and number of elements are bounded before and while anything is built. What is not
the expected document is `MalformedXML`, S3's word for all of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from .errors import S3Error

DOCUMENT_BYTES_MAX = 4 * 1024 * 1024
"""10,000 parts with all their checksums take 3 MiB; 1,000 keys of 1,024 bytes 1.2 MiB."""
DEPTH_MAX = 16
"""The deepest document of S3 that we read has six levels."""
ELEMENTS_MAX = 8192
"""Elements of a document that is read on the event loop, some 30 ms: a thousand keys with
all that S3 has for each have 6,002. Four MiB hold a million, and take seconds."""
_FEED_BYTES = 64 * 1024
"""What is parsed between two looks at what came: at most twice `ELEMENTS_MAX`. A tag or
text that goes on from one look to another is longer than any of S3; attributes by the
hundred thousand would take the event loop for half a second."""


class Element:
    """An element, seen without its namespace: clients send one, another, or none."""

    __slots__ = ("_element",)

    def __init__(self, element: etree._Element) -> None:  # pyright: ignore[reportPrivateUsage]
        self._element = element

    @property
    def name(self) -> str:
        """The name without its namespace."""
        tag = str(self._element.tag)
        return tag.rpartition("}")[2]

    @property
    def text(self) -> str:
        """The text within it; white space counts, as in a key.

        Raises:
            S3Error: there are elements within it, and a part of a text is another text.
        """
        if len(self._element):
            raise malformed(f"'{self.name[:60]}' is no text")
        return self._element.text or ""

    def children(self, name: str | None = None) -> Iterator[Element]:
        """Yield the elements within it, in order; only those called `name` if given."""
        for child in self._element:
            element = Element(child)
            if name is None or element.name == name:
                yield element

    def find_text(self, name: str) -> str | None:
        """Return the text of the only element `name` within it; None without one.

        Raises:
            S3Error: there are several: who checks the one and who uses the other would
                be two different readers.
        """
        found = [child.text for child in self.children(name)]
        if len(found) > 1:
            raise malformed(f"'{name}' comes {len(found)} times")
        return found[0] if found else None


def read_document(
    data: bytes, root: str, *, elements_max: int = ELEMENTS_MAX
) -> Element:
    """Return the document in `data`, whose root element must be called `root`.

    Raises:
        S3Error: it is no such document.
    """
    parser = etree.XMLPullParser(
        events=("start", "end"),
        resolve_entities=False,
        load_dtd=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    bounds = _Bounds(elements_max)
    try:
        for at in range(0, len(data), _FEED_BYTES):
            parser.feed(data[at : at + _FEED_BYTES])
            bounds.check(parser)
        element = parser.close()
    except etree.XMLSyntaxError as error:
        raise malformed(str(error.msg or "it does not parse")) from error
    if element.getroottree().docinfo.doctype:
        raise malformed("a document type is not allowed")
    document = Element(element)
    if document.name != root:
        raise malformed(f"its root is '{document.name[:60]}', not '{root}'")
    return document


class _Bounds:
    """What a document may come to."""

    def __init__(self, elements_max: int) -> None:
        self._elements_max = elements_max
        self._count = 0
        self._depth = 0
        self._seen = 0
        self._was_quiet = False
        """There was no tag between the last two looks."""

    def check(self, parser: etree.XMLPullParser) -> None:
        """Return if what `parser` has read since the last time is within them.

        Raises:
            S3Error: it is not.
        """
        last = self._seen
        for event, _ in parser.read_events():
            self._seen += 1
            if event == "end":
                self._depth -= 1
                continue
            self._depth += 1
            self._count += 1
            if self._depth > DEPTH_MAX:
                raise malformed(f"it is deeper than {DEPTH_MAX} levels")
            if self._count > self._elements_max:
                raise malformed(f"it has more than {self._elements_max} elements")
        if self._seen == last and self._was_quiet:
            raise malformed("it has an overlong tag or text")
        self._was_quiet = self._seen == last


def malformed(why: str) -> S3Error:
    """Return the error that refuses a document."""
    return S3Error(
        "MalformedXML",
        "the XML you provided was not well-formed or did not validate against our "
        f"published schema: {why}",
    )

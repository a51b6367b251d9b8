"""The checksum of an upload: asked for when it begins, of each part, of the whole.

What an upload was asked for is kept with it as text, `ALGORITHM KIND`. An upload that was
asked for none takes whatever its parts bring; the whole then has one if it follows from
those of its parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from ..auth.sigv4 import Headers
from ..repository.upload_store import Part
from .call import invalid_argument
from .checksums import Algorithm, Kind, StoredChecksum, combine_full, composite
from .errors import S3Error

ALGORITHM_HEADER = "x-amz-checksum-algorithm"
KIND_HEADER = "x-amz-checksum-type"

_KINDS: dict[str, Kind] = {"FULL_OBJECT": "FULL_OBJECT", "COMPOSITE": "COMPOSITE"}


@dataclass(frozen=True, slots=True)
class UploadChecksum:
    """What an upload was asked for."""

    algorithm: Algorithm
    kind: Kind

    @classmethod
    def read(cls, headers: Headers) -> Self | None:
        """Return what the headers of a CreateMultipartUpload ask for, or None.

        Raises:
            S3Error: S3 has not that kind of that algorithm, or neither.
        """
        named, asked = headers.get(ALGORITHM_HEADER), read_kind(headers)
        if named is None:
            if asked is None:
                return None
            raise S3Error(
                "InvalidRequest",
                f"the {KIND_HEADER} header can only be used with the {ALGORITHM_HEADER} "
                "header",
            )
        algorithm = Algorithm.parse(named)
        kind = asked or ("COMPOSITE" if algorithm.has_composite else "FULL_OBJECT")
        can = algorithm.has_full if kind == "FULL_OBJECT" else algorithm.has_composite
        if not can:
            raise S3Error(
                "InvalidRequest",
                f"the {kind} checksum type cannot be used with the "
                f"{algorithm.value.lower()} checksum algorithm",
            )
        return cls(algorithm, kind)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return what was kept as `text`."""
        if not text:
            return None
        algorithm, kind = text.split(" ")
        return cls(Algorithm(algorithm), _KINDS[kind])

    def __str__(self) -> str:
        return f"{self.algorithm.value} {self.kind}"

    def headers(self) -> dict[str, str]:
        """Return the headers that say it."""
        return {ALGORITHM_HEADER: self.algorithm.value, KIND_HEADER: self.kind}

    def elements(self) -> list[tuple[str, str]]:
        """Return the elements that say it."""
        return [
            ("ChecksumAlgorithm", self.algorithm.value),
            ("ChecksumType", self.kind),
        ]

    def check_part(self, given: Algorithm | None) -> None:
        """Return if a part may come with a checksum of the algorithm `given`.

        Raises:
            S3Error: the upload was begun with another one.
        """
        if given not in (None, self.algorithm):
            raise S3Error(
                "InvalidRequest",
                "checksum type mismatch occurred: expected checksum type: "
                f"{self.algorithm.value.lower()}, actual checksum type: "
                f"{given.value.lower()}",
            )


def read_kind(headers: Headers) -> Kind | None:
    """Return the kind of checksum that a request names, or None.

    Raises:
        S3Error: there is no such kind.
    """
    text = headers.get(KIND_HEADER)
    if text is None:
        return None
    kind = _KINDS.get(text.upper())
    if kind is None:
        raise invalid_argument(KIND_HEADER, text, f"it must be {' or '.join(_KINDS)}")
    return kind


def sum_up(
    asked: UploadChecksum | None, parts: Sequence[Part]
) -> StoredChecksum | None:
    """Return the checksum of the object that `parts` make; None if it has none."""
    sums = [StoredChecksum.decode(part.checksum) for part in parts]
    present = [each for each in sums if each is not None]
    if len(present) < len(sums) or not present:
        return None
    algorithm = present[0].algorithm if asked is None else asked.algorithm
    if any(each.algorithm is not algorithm for each in present):
        return None  # only of an upload that was asked for none
    if asked is None or asked.kind == "FULL_OBJECT":
        if not algorithm.has_full:
            return None
        pairs = [
            (each.digest, part.size_bytes)
            for each, part in zip(present, parts, strict=True)
        ]
        return StoredChecksum(algorithm, combine_full(algorithm, pairs))
    digest = composite(algorithm, [each.digest for each in present])
    return StoredChecksum(algorithm, digest, len(parts))

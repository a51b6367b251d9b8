"""Every error code is documented, with the status that REST answers it with."""

from __future__ import annotations

import re
from pathlib import Path

from lakebed.server import errors
from lakebed.server.api.problems import status_of

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def classes() -> list[type[errors.LakeError]]:
    return [
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.LakeError)
    ]


def test_no_two_errors_share_a_code_by_accident() -> None:
    codes: dict[str, type[errors.LakeError]] = {}
    for each in classes():
        if "code" in vars(each):
            assert each.code not in codes, each
            codes[each.code] = each


def test_the_page_lists_each_code_with_its_status() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", PAGE.read_text(), re.MULTILINE)

    expected = {(each.code, str(int(status_of(each)))) for each in classes()}

    assert set(rows) == expected
    assert len(rows) == len(set(rows))

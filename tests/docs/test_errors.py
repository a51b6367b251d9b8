"""Every error code is documented, with the status that REST answers it with."""

from __future__ import annotations

import re
from pathlib import Path

from lakebed.server.api.problems import status_of

from support.error_classes import list_error_classes

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"


def test_the_page_lists_each_code_with_its_status() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d{3}) \|", PAGE.read_text(), re.MULTILINE)

    expected = {(each.code, str(int(status_of(each)))) for each in list_error_classes()}

    assert set(rows) == expected
    assert len(rows) == len(set(rows))

"""What the README shows in Python runs as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from lakebed.client import connect
from lakebed.client.address import SERVER_VARIABLE

ROOT = Path(__file__).parents[2]
PENGUINS = ROOT / "cli" / "data" / "penguins.csv"


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_first_example_with_a_transaction_makes_one_commit(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    [example] = [block for block in blocks if "connect()" in block]
    [name] = set(re.findall(r'tx\.open\("([^"]+)"', example))
    monkeypatch.setenv(SERVER_VARIABLE, str(tmp_path / "lake"))
    with connect(create_directory=True) as lake:
        main = lake.create_repository("penguins").branch("main")
        main.upload(name, PENGUINS)
        main.commit("Add the raw table")

    names: dict[str, object] = {}
    exec(compile(example, page, "exec"), names)
    names["lake"].close()  # type: ignore[attr-defined]

    with connect() as lake:
        main = lake.repository("penguins").branch("main")
        assert len(list(main.log())) == 3
        lines = main.read_text(name).splitlines()
        assert len(lines) > 300
        assert not any("NA" in line for line in lines)

"""Models from Python: what a handle does, with and without `await`."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
from lakebed import client as lakebed
from lakebed.client import ConflictError, Lake, NotFoundError
from lakebed.client.wire.models import AliasRule

from support.engines import open_engine
from support.models import BOB, judge, make_version, train

RUN = "c" * 32


async def fill(directory: Path) -> str:
    async with open_engine(directory) as engine:
        await make_version(engine, weights=b"1", who=BOB)
        await train(engine, name=RUN)
        return await judge(engine, "fraud@1")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "lake"


@pytest.fixture
def check(directory: Path) -> str:
    """A run that read the first version; and the lake that it is in."""
    return asyncio.run(fill(directory))


@pytest.fixture
def lake(directory: Path, check: str) -> Iterator[Lake]:
    with lakebed.connect(str(directory)) as opened:
        yield opened


def test_a_model_from_its_versions_to_its_end(lake: Lake, check: str) -> None:
    fraud = lake.model("fraud")
    assert fraud == lake.model("fraud")
    assert fraud.exists()
    assert not lake.model("nosuch").exists()
    assert [model.name for model in lake.models()] == ["fraud"]

    made = fraud.register(RUN, description="two", metadata={"k": "v"})
    assert (made.version, made.metadata) == (2, {"k": "v"})
    assert [version.version for version in fraud.versions()] == [2, 1]
    fraud.promote(1, "prod")
    fraud.promote(2, "prod", reason="better")
    assert fraud.version("prod").version == 2
    assert fraud.describe().aliases == {"prod": 2}
    assert fraud.files("prod").uri == "lakebed://models/fraud@prod/"
    assert fraud.files("prod").read("weights.bin") == b"w1"
    assert fraud.files(1).read("weights.bin") == b"1"
    assert fraud.files().read("weights.bin") == b"w1"
    assert fraud.rollback("prod").version == 1
    assert [move.action for move in fraud.log("prod")] == [
        "rollback",
        "promote",
        "promote",
    ]
    assert [alias.version for alias in fraud.aliases()] == [1]

    fraud.set_rules([AliasRule(alias="live", needs_approval=True, checks=["bias"])])
    assert fraud.rules()[0].checks == ["bias"]
    assert fraud.check(1, "bias", check).has_passed
    assert fraud.approve(1, "live").alias == "live"
    with pytest.raises(ConflictError, match="an approval by somebody else"):
        fraud.promote(1, "live")
    with pytest.raises(ConflictError, match="alias 'fraud@prod'"):
        fraud.delete_version(1)
    fraud.delete_alias("prod")
    fraud.delete_version(1)
    fraud.delete()
    with pytest.raises(NotFoundError, match="model not found"):
        fraud.describe()


def test_a_registration_that_is_sent_twice_makes_one_version(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakebed.client.operations import models

    monkeypatch.setattr(models, "new_key", lambda: {"Idempotency-Key": "same"})

    first = lake.model("fraud").register(RUN)
    again = lake.model("fraud").register(RUN)

    assert first == again
    assert lake.model("fraud").describe().latest == 2


async def test_the_same_with_await(directory: Path) -> None:
    await fill(directory)
    async with lakebed.connect_async(str(directory)) as lake:
        fraud = lake.model("fraud")
        await fraud.promote(1, "prod")

        versions = await fraud.versions().collect()
        assert [version.version for version in versions] == [1]
        assert await fraud.files("prod").read("weights.bin") == b"1"
        assert repr(fraud) == "<model fraud>"
        assert "fraud" in fraud._repr_html_()  # pyright: ignore[reportPrivateUsage]


def test_a_handle_is_pickled_by_name(lake: Lake) -> None:
    fraud = lake.model("fraud")

    found = pickle.loads(pickle.dumps(fraud))

    assert (found.name, found.lake.server) == ("fraud", lake.server)
    found.lake.close()

"""Weights & Biases: artifacts that refer to objects, without its own server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.client_page import Section
from support.lakes import Lake


@pytest.fixture
def wandb(
    documented: Callable[[str], Section], home: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    section = documented("Weights & Biases")
    given = {
        **section.exports(),
        "WANDB_MODE": "offline",
        "WANDB_DIR": str(home),
        "WANDB_CACHE_DIR": str(home),
        "WANDB_SILENT": "true",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return section.run_python().wandb


def test_a_reference_names_the_etag_and_the_commit_of_each_object(
    wandb: Any, lake: Lake
) -> None:
    for name in ("a", "b c", "d/ü+"):
        lake.write(f"main/data/{name}", name.encode())
    commit_id = lake.commit()
    lake.tag("v1")

    with wandb.init(project="test") as run:
        artifact = wandb.Artifact("data", "dataset")
        artifact.add_reference(lake.uri("v1/data"))
        run.log_artifact(artifact)

    entries = artifact.manifest.entries
    assert set(entries) == {"a", "b c", "d/ü+"}
    for name, entry in entries.items():
        key = f"v1/data/{name}"
        assert entry.ref == lake.uri(key)
        assert entry.size == len(name.encode())
        assert entry.digest == lake.etag(key)
        assert entry.extra == {"etag": lake.etag(key), "versionID": commit_id}


def test_a_reference_is_fetched(wandb: Any, lake: Lake, tmp_path: Path) -> None:
    lake.write("main/data", b"old")
    lake.commit()
    lake.tag("v1")
    artifact = wandb.Artifact("data", "dataset")
    (entry,) = artifact.add_reference(lake.uri("v1/data"))
    lake.write("main/data", b"new")

    storage = artifact.manifest.storage_policy

    path = storage.load_reference(entry, local=True, dest_path=str(tmp_path / "got"))

    assert Path(path).read_bytes() == b"old"

"""Weights & Biases: artifacts that refer to objects, without its own server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from support.client_page import Section
from support.lakes import Lake


@pytest.fixture
def section(
    documented: Callable[[str], Section], home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Section]:
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
    yield section
    import_module("wandb").teardown()  # it keeps a process of its own


def test_a_reference_names_the_etag_and_the_commit_of_each_object(
    section: Section, lake: Lake
) -> None:
    for name in ("a", "b c", "d/ü+"):
        lake.write(f"main/data/{name}", name.encode())
    commit_id = lake.commit()
    lake.tag("v1")

    names = section.run_python()
    with names.wandb.init(project="test") as run:
        run.log_artifact(names.artifact)

    entries = names.artifact.manifest.entries
    assert set(entries) == {"a", "b c", "d/ü+"}
    for name, entry in entries.items():
        key = f"v1/data/{name}"
        assert entry.ref == lake.uri(key)
        assert entry.size == len(name.encode())
        assert entry.digest == lake.etag(key)
        assert entry.extra == {"etag": lake.etag(key), "versionID": commit_id}


def test_what_a_reference_names_is_fetched_after_the_branch_went_on(
    section: Section, lake: Lake, tmp_path: Path
) -> None:
    lake.write("main/data/path", b"old")
    lake.commit()
    lake.tag("v1")
    artifact = section.run_python().artifact
    lake.write("main/data/path", b"new")
    lake.commit()

    (entry,) = artifact.manifest.entries.values()
    policy = artifact.manifest.storage_policy
    path = policy.load_reference(entry, local=True, dest_path=str(tmp_path / "got"))

    assert Path(path).read_bytes() == b"old"

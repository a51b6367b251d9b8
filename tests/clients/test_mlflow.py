"""MLflow: artifacts of runs on a branch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.client_page import Section
from support.lakes import Lake, noise

MIB = 1024 * 1024


@pytest.fixture
def mlflow(
    documented: Callable[[str], Section], home: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    section = documented("MLflow")
    for name, value in section.exports().items():
        monkeypatch.setenv(name, value)
    # Where runs are kept is no matter of ours; a folder needs no server.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (home / "mlruns").as_uri())
    return section.run_python().mlflow


def test_artifacts_of_a_run_stay_as_they_were_at_a_tag(
    mlflow: Any, lake: Lake, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    (folder / "deep er").mkdir(parents=True)
    data = noise(9 * MIB)  # boto3 sends from 8 MiB on in parts
    (folder / "weights").write_bytes(data)
    (folder / "deep er" / "ü +%.txt").write_text("tokens")

    with mlflow.start_run() as run:
        mlflow.log_artifacts(str(folder), "model")
        mlflow.log_dict({"loss": 0.5}, "metrics.json")
    start = f"runs/{run.info.run_id}/artifacts"
    listed = mlflow.artifacts.list_artifacts(run_id=run.info.run_id)
    back = mlflow.artifacts.download_artifacts(
        run_id=run.info.run_id, artifact_path="model", dst_path=str(tmp_path / "back")
    )
    lake.commit()
    lake.tag("v1")
    lake.write(f"main/{start}/metrics.json", b'{"loss": 0.1}')

    assert mlflow.get_artifact_uri.__name__  # the module is the real one
    assert {each.path for each in listed} == {"model", "metrics.json"}
    assert (Path(back) / "weights").read_bytes() == data
    assert (Path(back) / "deep er" / "ü +%.txt").read_text() == "tokens"
    assert mlflow.artifacts.load_dict(lake.uri(f"v1/{start}/metrics.json")) == {
        "loss": 0.5
    }
    assert mlflow.artifacts.load_dict(lake.uri(f"main/{start}/metrics.json")) == {
        "loss": 0.1
    }

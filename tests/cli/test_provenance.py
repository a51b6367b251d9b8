"""`why`, `compare` and `lineage` of what was really run and registered."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.commands import Lakebed

TRAIN = "import sys; open('model.txt', 'w').write(open('data.txt').read().upper())\n"


@pytest.fixture
def two_versions(
    tmp_path: Path,
    lakebed: Lakebed,
    repository: str,
    put: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """A model that was trained twice, on data that changed; the ids of the runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / ".gitignore").write_text("*.txt\nput.*\n")
    name = ("-c", "user.name=n", "-c", "user.email=e")
    for words in (("init", "-q"), ("add", "train.py"), ("commit", "-qm", "code")):
        subprocess.run(["git", *name, *words], check=True, cwd=tmp_path)
    runs: list[str] = []
    for text in ("first", "second one"):
        put(f"{repository}/main/data/data.txt", text)
        lakebed("commit", f"{repository}/main", "-m", text)
        (tmp_path / "data.txt").unlink(missing_ok=True)
        where = f"lakebed://{repository}/main"
        done = lakebed(
            *("run", "-i", f"{where}/data/data.txt=data.txt", "--seed", "1"),
            *("-o", f"model.txt={where}/model.txt", "--param", f"text={text}", "--"),
            *(sys.executable, "train.py"),
        )
        runs.append(done.err.split()[-1])
        lakebed("model", "register", f"m-{repository}", "--run", runs[-1])
    lakebed("model", "promote", f"m-{repository}@1", "--alias", "prod")
    return runs


def test_whatever_it_is_asked_by_it_is_the_same_run(
    lakebed: Lakebed, repository: str, two_versions: list[str]
) -> None:
    model = f"m-{repository}"
    commit = lakebed("why", two_versions[0], "--json").json["run"]["outputs"][0][
        "commit"
    ]
    subjects = (
        two_versions[0],
        two_versions[0][:10],
        f"{model}@1",
        f"{model}@prod",
        f"lakebed://{repository}/{commit}/model.txt",
        f"lakebed://models/{model}@prod/model.txt",
    )

    found = {
        subject: lakebed("why", subject, "--json").json["run"]["id"]
        for subject in subjects
    }

    assert set(found.values()) == {two_versions[0]}


def test_a_model_alone_is_its_newest_version(
    lakebed: Lakebed, repository: str, two_versions: list[str]
) -> None:
    model, (first, second) = f"m-{repository}", two_versions

    why = lakebed("why", model, "--json").json
    assert (why["run"]["id"], why["version"]) == (second, 2)
    (root,) = [
        node["id"]
        for node in lakebed("lineage", model, "--json").json["nodes"]
        if node["depth"] == 0
    ]
    assert root == f"model:{model}@2"
    compared = lakebed("compare", model, f"{model}@1", "--json").json
    assert (compared["left"], compared["right"]) == (second, first)
    again = lakebed("rerun", model, "--env", "current", "--json").json
    assert again["run"] == second
    nothing = lakebed("why", f"{model}-not", succeeds=False)
    assert nothing.code == 3
    assert f"'{model}-not'" in nothing.err


def test_why_names_code_data_and_outputs(
    lakebed: Lakebed, repository: str, two_versions: list[str]
) -> None:
    lines = lakebed("why", f"m-{repository}@2").out.splitlines()

    facts = {label: text for label, _, text in (line.partition("\t") for line in lines)}
    assert facts["what"] == f"version 2 of model 'm-{repository}'"
    assert f"lakebed://{repository}/" in facts["data"]
    assert "data/data.txt  10 B" in facts["data"]
    assert "text=second one" in facts["config"]
    assert "model.txt" in facts["outputs"]
    assert facts["seeds"].startswith("1")


def test_two_versions_are_told_apart(
    lakebed: Lakebed, repository: str, two_versions: list[str]
) -> None:
    model = f"m-{repository}"

    document = lakebed("compare", f"{model}@1", f"{model}@2", "--json").json
    text = lakebed("compare", *two_versions).out

    assert (document["left"], document["right"]) == tuple(two_versions)
    assert document["params"] == [
        {"name": "text", "kind": "changed", "left": "first", "right": "second one"}
    ]
    (pair,) = document["inputs"]
    assert (pair["kind"], pair["files_changed"]) == ("changed", 1)
    assert (pair["bytes_added"], pair["bytes_removed"]) == (10, 5)
    assert document["environment"] == []
    assert document["code"]["files"] == []
    assert "params\ttext  first -> second one" in text
    assert "environ\tsame" in text


def test_a_prefix_is_compared_by_its_files(
    lakebed: Lakebed,
    repository: str,
    put: Callable[[str, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    runs: list[str] = []
    for files in ({"a": "1", "b": "22"}, {"b": "333", "c": "4444"}):
        for name, text in files.items():
            put(f"{repository}/main/in/{name}", text)
        lakebed("commit", f"{repository}/main", "-m", "more")
        done = lakebed("run", "-i", f"lakebed://{repository}/main/in/", "--", "true")
        runs.append(done.err.split()[-1])

    (pair,) = lakebed("compare", *runs, "--json").json["inputs"]

    assert (pair["artifact"], pair["kind"]) == ("prefix", "changed")
    assert (pair["files_added"], pair["files_changed"]) == (1, 1)
    assert (pair["bytes_added"], pair["bytes_removed"]) == (7, 2)


def test_lineage_goes_both_ways_in_every_form(
    lakebed: Lakebed, repository: str, two_versions: list[str]
) -> None:
    model = f"m-{repository}"
    data = f"lakebed://{repository}/main/data/data.txt"

    up = lakebed("lineage", f"{model}@2").out
    down = lakebed("lineage", data, "--down").out
    forms = {
        form: lakebed("lineage", f"{model}@2", "--format", form).out
        for form in ("json", "dot", "mermaid")
    }

    assert up.startswith(f"model {model}@2\n")
    assert two_versions[1][:12] in up
    assert "data/data.txt" in up
    assert two_versions[0][:12] not in up
    assert f"model {model}@2" in down
    assert f"model {model}@1" not in down
    assert json.loads(forms["json"])["direction"] == "up"
    assert forms["dot"].startswith("digraph lineage {\n")
    assert forms["mermaid"].startswith("flowchart LR\n")


@pytest.mark.parametrize("command", ["why", "lineage", "rerun"])
@pytest.mark.parametrize(
    "subject", ["0123456789", "nobody@prod", "lakebed://no/main/x"]
)
def test_what_there_is_not_is_not_found(
    lakebed: Lakebed, command: str, subject: str
) -> None:
    result = lakebed(command, subject, succeeds=False)

    assert result.code == 3, result
    assert result.err.startswith("error: ")
    assert result.err.count("\n") == 1


def test_what_nobody_ran_has_no_answer(
    lakebed: Lakebed, repository: str, put: Callable[[str, str], None]
) -> None:
    put(f"{repository}/main/by-hand.txt", "x")
    lakebed("commit", f"{repository}/main", "-m", "by hand")

    result = lakebed("why", f"lakebed://{repository}/main/by-hand.txt", succeeds=False)

    assert result.code == 3
    assert "by-hand.txt" in result.err

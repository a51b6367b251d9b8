"""A repository with sample data: a small table that is real, in two formats."""

from __future__ import annotations

from importlib import resources

from support.asking import Asker


async def test_a_new_repository_is_filled_if_it_is_asked_for(ask: Asker) -> None:
    made = await ask("POST", "", json={"name": "filled", "sample_data": True})
    listed = await ask("GET", "/filled/refs/main@/objects/ls")
    csv = await ask("GET", "/filled/refs/main/objects?path=penguins/csv/penguins.csv")
    log = await ask("GET", "/filled/refs/main/commits")

    assert made.status == 201
    assert listed.paths == [
        "README.md",
        "penguins/csv/penguins.csv",
        "penguins/parquet/penguins.parquet",
    ]
    # The one that the tour has, too.
    table = resources.files("lakebed.cli") / "data" / "penguins.csv"
    assert csv.data == table.read_bytes()
    assert csv.headers["Content-Type"] == "text/csv"
    assert len(log.json["results"]) == 2


async def test_there_must_be_a_branch_to_fill(ask: Asker) -> None:
    body = {"name": "empty", "sample_data": True}
    for query, more in (("?bare=true", {}), ("", {"read_only": True})):
        answer = await ask("POST", query, json={**body, **more})

        assert (answer.status, answer.json["field"]) == (400, "sample_data")
    assert (await ask("GET", "/empty")).status == 404


async def test_repositories_are_searched_by_what_is_in_their_names(ask: Asker) -> None:
    for name in ("big-lake", "pond", "lake-2"):
        await ask("POST", "", json={"name": name})

    found = await ask("GET", "?search=lake&amount=2")
    rest = await ask(
        "GET", f"?search=lake&after={found.json['pagination']['next_offset']}"
    )

    names = [each["id"] for page in (found, rest) for each in page.json["results"]]
    assert names == ["big-lake", "lake", "lake-2"]

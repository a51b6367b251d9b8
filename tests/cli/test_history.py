"""Looking back on the command line: log, show, diff, blame, find, du, undo."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from lakebed.client import Client

from support.commands import Lakebed

Put = Callable[[str, str], None]


@pytest.fixture
def merged(lakebed: Lakebed, repository: str, put: Put) -> str:
    """A repository where a branch was made, worked on beside main, and merged."""
    main, dev = f"{repository}/main", f"{repository}/dev"
    put(f"{main}/data/a.csv", "1\n")
    lakebed("commit", main, "-m", "Add a")
    lakebed("branch", "create", dev)
    put(f"{dev}/data/b.csv", "22\n")
    lakebed("commit", dev, "-m", "Add b")
    put(f"{main}/c.csv", "333\n")
    lakebed("commit", main, "-m", "Add c")
    lakebed("merge", dev, "main")
    lakebed("tag", "create", f"{repository}/v1")
    return repository


def subjects(text: str) -> list[str]:
    return [re.sub(r"\b[0-9a-f]{12}\b", "ID", line) for line in text.splitlines()]


def test_the_graph_shows_how_branches_meet(lakebed: Lakebed, merged: str) -> None:
    out = lakebed("log", f"{merged}/main", "--graph", "--oneline", "--decorate").out

    drawn = subjects(out)
    assert drawn[0] == "*   ID (main, tag: v1) Merge 'dev' into 'main'"
    assert drawn[1] == "|\\"
    assert sorted(drawn[2:4]) in (
        ["* | ID Add c", "| * ID (dev) Add b"],
        ["* | ID (dev) Add b", "| * ID Add c"],
    )
    assert drawn[4:] == ["|/", "* ID Add a", "* ID Repository created"]
    straight = lakebed(
        "log", f"{merged}/main", "--graph", "--oneline", "--first-parent"
    ).out
    assert all(line.startswith("* ") for line in straight.splitlines())
    long = lakebed("log", f"{merged}/main", "--graph").out
    assert "|\\  Merge:  " in long
    assert long.count("commit ") == 5


def test_a_log_is_narrowed_by_path_count_and_time(
    lakebed: Lakebed, merged: str
) -> None:
    main = f"{merged}/main"

    def log(*arguments: str) -> list[str]:
        out = lakebed("log", *arguments, "--oneline").out
        return [line.partition(" ")[2] for line in out.splitlines()]

    assert log(main, "c.csv") == log(f"{main}/c.csv") == ["Add c"]
    assert log(main, "data") == log(main, "data/") == ["Add b", "Add a"]
    assert log(main, "-n", "1") == ["Merge 'dev' into 'main'"]
    assert log(main, "--since", "1 hour ago") == log(main)
    assert log(main, "--since", "2099-01-01") == []


def test_a_log_refuses_what_cannot_be_drawn_or_told(lakebed: Lakebed) -> None:
    for arguments, message in (
        (("r/main", "p", "--graph"), "--graph draws every commit"),
        (("r/main/a", "b"), "two paths"),
        (("r/main", "--since", "soon"), "--since 'soon' is no time"),
    ):
        result = lakebed("log", *arguments, succeeds=False)
        assert result.code == 2
        assert message in result.err


def test_a_diff_tells_sizes_before_and_after(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main = f"{repository}/main"
    put(f"{main}/a", "12345")
    put(f"{main}/b", "1")
    lakebed("commit", main, "-m", "1")
    put(f"{main}/a", "12")
    put(f"{main}/c", "123")
    lakebed("rm", f"{main}/b")

    assert lakebed("diff", main, "--stat").out == "M\ta\t5\t2\nD\tb\t1\t-\nA\tc\t-\t3\n"
    assert lakebed("diff", main, "--name-only").out == "a\nb\nc\n"
    assert lakebed("diff", main, "--prefix", "b").out == "D\tb\n"
    patch = lakebed("diff", main, "-p").out
    assert "--- /dev/null\n+++ b/c\n" in patch
    assert "--- a/b\n+++ /dev/null\n" in patch
    # Between refs what is committed counts, whatever is staged on top.
    assert lakebed("diff", f"{main}~1", "main", "-p").out.count("+++ b/") == 2
    lakebed("commit", main, "-m", "2")
    assert lakebed("show", main, "--stat").out.endswith(
        "M\ta\t5\t2\nD\tb\t1\t-\nA\tc\t-\t3\n"
    )


def test_blame_tells_who_changed_what_last(lakebed: Lakebed, merged: str) -> None:
    def blame(*arguments: str) -> list[tuple[str, str]]:
        rows = [
            line.split("\t") for line in lakebed("blame", *arguments).out.split("\n")
        ]
        return [(row[3], row[4]) for row in rows if len(row) > 1]

    assert blame(f"{merged}/main") == [("c.csv", "Add c"), ("data/", "Add b")]
    assert blame(f"{merged}/main/data") == [
        ("data/a.csv", "Add a"),
        ("data/b.csv", "Add b"),
    ]
    assert blame("-r", f"{merged}/main")[-1] == ("data/b.csv", "Add b")
    assert blame(f"{merged}/main~1/data/a.csv") == [("data/a.csv", "Add a")]
    missing = lakebed("blame", f"{merged}/main/data/c.csv", succeeds=False)
    assert missing.code == 3
    assert "did you mean 'data/" in missing.err


def test_objects_are_found_by_what_they_are_like(
    lakebed: Lakebed, repository: str, put: Put, environment: dict[str, str]
) -> None:
    main = f"{repository}/main"
    put(f"{main}/d/a.csv", "1")
    put(f"{main}/d/e/b.txt", "22")
    del environment
    with Client() as lake:
        lake.upload_object(
            repository, "main", "big\nname.bin", bytes(2000), content_type="image/png"
        )

    def find(*arguments: str) -> list[str]:
        return lakebed("find", *arguments).out.splitlines()

    assert find(main) == ["big\\x0aname.bin", "d/a.csv", "d/e/b.txt"]
    assert find(f"{main}/d") == ["d/a.csv", "d/e/b.txt"]
    assert find(main, "--name", "*.csv", "--name", "b.*") == ["d/a.csv", "d/e/b.txt"]
    assert find(main, "--path", "d/*.txt") == ["d/e/b.txt"]
    assert find(main, "--size", "+1k") == ["big\\x0aname.bin"]
    assert find(main, "--size", "-2", "--size", "1") == ["d/a.csv"]
    assert find(main, "--type", "image/*") == ["big\\x0aname.bin"]
    assert find(main, "--newer", "1h", "--name", "*.csv") == ["d/a.csv"]
    assert find(main, "--older", "1h") == []
    assert lakebed("find", main, "-0", "--size", "+1k").data == b"big\nname.bin\0"
    assert lakebed("find", main, "-l", "--name", "a*").out.startswith("1\t")
    assert lakebed("find", main, "--size", "big", succeeds=False).code == 2
    assert lakebed("find", f"{main}/nowhere", succeeds=False).code == 3


def test_folders_are_counted_one_by_one(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main = f"{repository}/main"
    for path, text in (("a/x", "1"), ("a/b/y", "22"), ("c/z", "333"), ("top", "4444")):
        put(f"{main}/{path}", text)

    def du(*arguments: str) -> list[str]:
        out = lakebed("du", *arguments).out.replace(f"lakebed://{repository}/main", "")
        return [line.replace("\t", " ") for line in out.splitlines()]

    assert du(main) == ["10 4 /"]
    assert du(main, "--depth", "1") == ["3 2 /a/", "3 1 /c/", "10 4 /"]
    assert du(main, "-d", "2") == ["2 1 /a/b/", "3 2 /a/", "3 1 /c/", "10 4 /"]
    assert du(f"{main}/a", "-d", "1") == ["2 1 /a/b/", "3 2 /a"]


def test_an_undo_says_what_it_would_do_and_does_it_then(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main = f"{repository}/main"
    for text in "12":
        put(f"{main}/a", text)
        lakebed("commit", main, "-m", f"Version {text}")
    before = lakebed("branch", "show", main, "--json").json["commit_id"]

    dry = lakebed("undo", main, "--dry-run")
    planned = lakebed("undo", main, "--dry-run", "--json").json
    assert lakebed("branch", "show", main, "--json").json["commit_id"] == before
    made = lakebed("undo", main, "--json").json

    assert "(Version 2) back to" in dry.out
    assert dry.out.endswith("(Version 1)\n")
    assert (planned["sequence"], planned["old"]) == (0, before)
    assert (made["old"], made["new"]) == (planned["old"], planned["new"])
    number = lakebed("reflog", main, "-n", "1", "--json").json[0]["sequence"]
    assert "back to" in lakebed("undo", main, "--dry-run", "--move", f"{number}").out
    lakebed("undo", main, "--move", f"{number}")
    assert lakebed("cat", f"{main}/a").out == "2"
    put(f"{main}/a", "3")
    assert lakebed("undo", main, "--dry-run", succeeds=False).code == 1


def test_a_conflict_that_cannot_be_chosen_says_another_way_out(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main, dev = f"{repository}/main", f"{repository}/dev"
    lakebed("branch", "create", dev)
    for branch in (main, dev):
        put(f"{branch}/a", branch)
        lakebed("commit", branch, "-m", "both")

    merge = lakebed("merge", dev, "main", succeeds=False)
    pick = lakebed("cherry-pick", dev, "main", succeeds=False)

    assert merge.code == pick.code == 4
    assert "--resolve 'a=source'" in merge.err
    assert "--resolve" not in pick.err

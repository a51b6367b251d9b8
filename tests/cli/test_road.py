"""The road on the command line, through a real server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.commands import Lakebed

Put = Callable[[str, str], None]


def test_a_change_goes_from_a_branch_to_main(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main, dev = f"{repository}/main", f"{repository}/dev"
    put(f"{main}/a.csv", "one\ntwo\n")
    assert lakebed("diff", main).out == "A\ta.csv\n"
    first = lakebed("commit", main, "-m", "Add a", "--meta", "k=v", "--json").json
    lakebed("branch", "create", dev)
    put(f"{dev}/a.csv", "one\n2\n")
    lakebed("commit", dev, "-m", "Change a")

    diff = lakebed("diff", main, "dev", "--stat", "-U", "0").out
    merged = lakebed("merge", dev, "main", "--json").json
    lakebed("tag", "create", f"{repository}/v1", "main")
    log = lakebed("log", main, "--oneline").out

    assert first["metadata"] == {"k": "v"}
    assert diff == ("M\ta.csv\t8\t6\n--- a/a.csv\n+++ b/a.csv\n@@ -2 +2 @@\n-two\n+2\n")
    assert len(merged["parents"]) == 2
    assert [line.partition(" ")[2] for line in log.splitlines()] == [
        "Merge 'dev' into 'main'",
        "Change a",
        "Add a",
        "Repository created",
    ]
    assert lakebed("cat", f"{repository}/v1/a.csv").data == b"one\n2\n"
    assert lakebed("cat", f"s3://{repository}.v1/a.csv", "--start", "4").out == "2\n"
    assert lakebed("show", f"{repository}/v1", "--json").json["changes"] == [
        {
            "type": "changed",
            "path": "a.csv",
            "path_type": "object",
            "size_bytes": 6,
            "left_size_bytes": 8,
            "right": None,
        }
    ]


def test_listings_are_lines_in_a_pipe_and_documents_if_asked(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    put(f"{repository}/main/d/x.txt", "x")
    put(f"{repository}/main/y.txt", "yy")
    commit_id = lakebed("commit", f"{repository}/main", "-m", "m", "--json").json["id"]

    lines = [
        line.split("\t") for line in lakebed("ls", f"{repository}/main").out.split("\n")
    ]
    below = lakebed("ls", f"{repository}/main/d").out
    everything = lakebed("ls", "-r", f"{repository}/main", "--json").json

    assert [[cells[0], cells[-1]] for cells in lines[:-1]] == [
        ["-", "d/"],
        ["2", "y.txt"],
    ]
    assert below.endswith("\td/x.txt\n")
    assert [item["path"] for item in everything] == ["d/x.txt", "y.txt"]
    assert (
        lakebed("du", f"{repository}/main").out
        == f"3\t2\tlakebed://{repository}/main/\n"
    )
    assert lakebed("ls", repository).out == f"branch\tmain\t{commit_id}\n"
    assert lakebed("branch", "list", repository, "--json").json == [
        {"id": "main", "commit_id": commit_id}
    ]
    stat = lakebed("stat", f"{repository}/main/y.txt", "--json").json
    assert (stat["size_bytes"], stat["content_type"]) == (2, "text/plain")


def test_a_conflict_names_paths_and_is_resolved_by_path(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main, dev = f"{repository}/main", f"{repository}/dev"
    lakebed("branch", "create", dev)
    for branch in (main, dev):
        put(f"{branch}/a.txt", branch)
        lakebed("commit", branch, "-m", "both")

    refused = lakebed("merge", dev, "main", succeeds=False)
    document = lakebed("merge", dev, main, "--json", succeeds=False)
    lakebed("merge", dev, "main", "--resolve", "a.txt=source")

    assert refused.code == document.code == 4
    assert refused.out.startswith("C  a.txt  (source has")
    assert "--resolve" in refused.err
    assert document.json["conflict_count"] == 1
    assert document.json["conflicts"][0]["path"] == "a.txt"
    assert lakebed("cat", f"{main}/a.txt").out == dev


def test_history_is_taken_back_and_brought_over(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main = f"{repository}/main"
    for text in ("1", "2"):
        put(f"{main}/a.txt", text)
        lakebed("commit", main, "-m", text)

    lakebed("revert", main)
    assert lakebed("cat", f"{main}/a.txt").out == "1"
    lakebed("undo", main)
    assert lakebed("cat", f"{main}/a.txt").out == "2"
    lakebed("reset", "--hard", main, "main~1")
    assert lakebed("cat", f"{main}/a.txt").out == "1"
    lakebed("undo", main)
    lakebed("branch", "create", f"{repository}/old", "main~2")
    lakebed("cherry-pick", f"{repository}/main~1", "old")
    assert lakebed("cat", f"{repository}/old/a.txt").out == "1"

    moves = lakebed("reflog", main, "--json").json
    assert [move["action"] for move in moves][:4] == [
        "undo",
        "hard-reset",
        "undo",
        "revert",
    ]
    assert moves[-1]["old"] is None
    assert [move["sequence"] for move in moves] == sorted(
        (move["sequence"] for move in moves), reverse=True
    )


def test_a_deleted_branch_comes_back(lakebed: Lakebed, repository: str) -> None:
    dev = f"{repository}/dev"
    made = lakebed("branch", "create", dev, "--json").json

    lakebed("branch", "delete", dev)
    assert lakebed("branch", "show", dev, succeeds=False).code == 3
    lakebed("undo", dev)

    assert (
        lakebed("branch", "show", dev, "--json").json["commit_id"] == made["commit_id"]
    )


def test_uncommitted_changes_are_thrown_away_by_path_prefix_or_all(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main = f"{repository}/main"
    for path in ("a", "d/b", "d/c", "e"):
        put(f"{main}/{path}", path)

    dry = lakebed("reset", main, "--dry-run").out
    lakebed("reset", f"{main}/a")
    lakebed("branch", "reset", f"{main}/d/")
    left = lakebed("diff", main).out
    lakebed("reset", main)

    assert dry.count("would undo added") == 4
    assert left == "A\te\n"
    assert lakebed("diff", main, "--exit-code").out == ""


def test_differences_are_an_exit_code_if_asked(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    put(f"{repository}/main/a", "a")

    assert lakebed("diff", f"{repository}/main").code == 0
    assert (
        lakebed("diff", f"{repository}/main", "--exit-code", succeeds=False).code == 6
    )


def test_objects_are_renamed_and_removed(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    main = f"{repository}/main"
    for path in ("a", "d/b", "d/c"):
        put(f"{main}/{path}", path)

    lakebed("mv", f"{main}/a", f"{main}/d/")
    lakebed("mv", "-r", f"{main}/d", f"{main}/e")
    assert [item["path"] for item in lakebed("ls", "-r", main, "--json").json] == [
        "e/a",
        "e/b",
        "e/c",
    ]

    dry = lakebed("rm", "-r", f"{main}/e", "--dry-run").out
    assert dry.count("would remove lakebed://") == 3
    lakebed("rm", f"{main}/e/a")
    lakebed("rm", "-r", f"{main}/e/")
    assert lakebed("ls", "-r", main).out == ""
    assert lakebed("rm", f"{main}/e/a", succeeds=False).code == 3
    lakebed("rm", "-f", f"{main}/e/a")


def test_a_folder_goes_up_down_and_across_and_only_once(
    lakebed: Lakebed, repository: str, tmp_path: Path
) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for number in range(20):
        (folder / "sub" / f"{number}.bin").write_bytes(bytes([number]) * number)
    (folder / "link").symlink_to(folder / "sub")
    remote = f"lakebed://{repository}/main/data"

    first = lakebed("cp", "-r", str(folder), remote)
    (folder / "sub" / "3.bin").write_bytes(b"new")
    second = lakebed("cp", "-r", str(folder), remote)
    lakebed("cp", "-r", remote, f"lakebed://{repository}/main/copy/")
    down = lakebed(
        "cp", "-r", f"lakebed://{repository}/main/copy", str(tmp_path / "out")
    )
    again = lakebed(
        "cp", "-r", f"lakebed://{repository}/main/copy", str(tmp_path / "out")
    )

    assert first.out == "uploaded 20 objects, 190 B\n"
    assert "skipped" in first.err
    assert second.out == "uploaded 1 object, 3 B; 19 unchanged\n"
    assert down.out == "downloaded 20 objects, 190 B\n"
    assert again.out == "downloaded 0 objects, 0 B; 20 unchanged\n"
    for path in (folder / "sub").iterdir():
        assert (tmp_path / "out" / "sub" / path.name).read_bytes() == path.read_bytes()


def test_a_copy_to_another_repository_carries_the_bytes(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    other = f"{repository}-other"
    lakebed("repo", "create", other)
    put(f"{repository}/main/a.txt", "text")

    lakebed("cp", f"lakebed://{repository}/main/a.txt", f"lakebed://{other}/main/b/")

    assert lakebed("cat", f"{other}/main/b/a.txt").out == "text"
    assert lakebed("stat", f"{other}/main/b/a.txt", "--json").json["content_type"] == (
        "text/plain"
    )


def test_what_is_there_is_kept_if_asked(
    lakebed: Lakebed, repository: str, put: Put, tmp_path: Path
) -> None:
    put(f"{repository}/main/a.txt", "old")
    source = tmp_path / "new.txt"
    source.write_text("new")
    address = f"lakebed://{repository}/main/a.txt"

    refused = lakebed("cp", "--no-clobber", str(source), address, succeeds=False)
    lakebed("cp", "--no-clobber", address, str(source))

    assert refused.code == 4
    assert source.read_text() == "new"
    assert lakebed("cat", f"{repository}/main/a.txt").out == "old"


def test_a_dry_run_copies_nothing(
    lakebed: Lakebed, repository: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_text("x")

    out = lakebed(
        "cp", "-r", "--dry-run", str(tmp_path), f"lakebed://{repository}/main/"
    ).out

    assert out == f"would copy {tmp_path}/f to lakebed://{repository}/main/f\n"
    assert lakebed("ls", f"{repository}/main").out == ""


def test_a_repository_goes_with_everything(lakebed: Lakebed, repository: str) -> None:
    assert "would delete" in lakebed("repo", "delete", repository, "--dry-run").out

    lakebed("repo", "delete", repository)

    assert lakebed("repo", "show", repository, succeeds=False).code == 3


def test_a_protected_branch_is_merged_into_and_nothing_else(
    lakebed: Lakebed, repository: str, put: Put
) -> None:
    put(f"{repository}/main/a", "1")
    lakebed("commit", f"{repository}/main", "-m", "first")
    lakebed("branch", "create", f"{repository}/dev")

    assert lakebed("branch", "protect", repository, "main", "v*").out == "main\nv*\n"
    refused = lakebed("rm", f"lakebed://{repository}/main/a", succeeds=False)
    assert refused.code == 1
    assert "protected branch" in refused.err
    put(f"{repository}/dev/b", "2")
    lakebed("commit", f"{repository}/dev", "-m", "second")
    lakebed("merge", f"{repository}/dev", "main")

    assert lakebed("branch", "protect", repository, "--remove", "v*").out == "main\n"
    assert lakebed("branch", "protect", repository, "--remove", "main").out == ""
    wrong = lakebed(
        "branch", "protect", repository, "--remove", "nosuch", succeeds=False
    )
    assert "'nosuch' is no pattern" in wrong.err
    lakebed("rm", f"lakebed://{repository}/main/a")


def test_every_conflict_is_listed_before_a_merge(
    lakebed: Lakebed, repository: str, put: Put, tmp_path: Path
) -> None:
    main, dev = f"{repository}/main", f"{repository}/dev"
    lakebed("branch", "create", dev)
    for branch in (main, dev):
        folder = tmp_path / branch
        folder.mkdir(parents=True)
        for number in range(25):
            (folder / f"{number:02}").write_text(branch)
        lakebed("cp", "-r", f"{folder}/", f"lakebed://{branch}/p/")
        lakebed("commit", branch, "-m", "both")

    listed = lakebed("merge", dev, "main", "--conflicts", succeeds=False)
    document = lakebed("merge", dev, "main", "--conflicts", "--json", succeeds=False)
    refused = lakebed("merge", dev, "main", succeeds=False)

    assert listed.code == document.code == refused.code == 4
    rows = [line.split("\t") for line in listed.out.splitlines()]
    assert [row[0] for row in rows] == [f"p/{number:02}" for number in range(25)]
    assert rows[0][1::2] == [str(len(dev)), str(len(main))]
    assert [each["path"] for each in document.json] == [row[0] for row in rows]
    assert "and 5 more; --conflicts lists them all" in refused.out
    lakebed("merge", dev, "main", "--strategy", "source-wins")
    assert lakebed("merge", dev, "main", "--conflicts").out == ""

"""`lakebed demo` as a user runs it, and `lakebed serve`."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = [sys.executable, "-m", "lakebed.cli"]


def clean_environment(scratch: Path) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("LAKEBED_", "AWS_"))
    }
    return {**kept, "TMPDIR": str(scratch)}


def test_the_tour_ends_with_the_bytes_of_the_tag_and_leaves_nothing(
    tmp_path: Path,
) -> None:
    done = subprocess.run(
        [*PROGRAM, "demo"],
        capture_output=True,
        text=True,
        env=clean_environment(tmp_path),
        timeout=120,
    )

    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"run [0-9a-f]{32}\n(rerun: .*\n){3}.*\nrerun: .*\n", done.stderr
    )
    assert "344 rows, 11 of them incomplete: dropped" in done.stdout
    assert "Through S3 the tag gives the bytes that were tagged" in done.stdout
    tagged = re.search(r"that was tagged:\nv1.0 ([0-9a-f]{64})\n", done.stdout)
    assert tagged is not None
    assert f"v1.0 {tagged[1]} 333 rows\n" in done.stdout
    assert "birds told right" in done.stdout
    assert re.search(r"^grade\tA$", done.stdout, re.MULTILINE)
    assert "verdict\tidentical, 1 output compared\n" in done.stdout
    assert "The model was made again, to the byte." in done.stdout
    assert "What to try next" in done.stdout
    assert "\x1b" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_tour_goes_on_where_there_is_no_git(tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "python").symlink_to(sys.executable)
    environment = {**clean_environment(tmp_path), "PATH": str(programs)}

    done = subprocess.run(
        [*PROGRAM, "demo"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "git is not installed" in done.stdout
    assert "verdict\tidentical, 1 output compared\n" in done.stdout


def test_a_kept_demo_says_how_to_reach_and_stop_it(tmp_path: Path) -> None:
    lake = tmp_path / "my lake"
    done = subprocess.run(
        [*PROGRAM, "demo", str(lake), "--keep"],
        capture_output=True,
        text=True,
        env=clean_environment(tmp_path),
        timeout=120,
    )
    process_id = int(re.findall(r"stop +kill (\d+)", done.stdout)[0])
    env_file = Path(re.findall(r"keys +\. (\S+)", done.stdout)[0])

    try:
        listed = subprocess.run(
            [
                "sh",
                "-c",
                f". {env_file}; exec {sys.executable} -m lakebed.cli ls penguins",
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        mode = env_file.stat().st_mode & 0o777
    finally:
        os.kill(process_id, signal.SIGTERM)

    assert "tag\tv1.0\t" in listed.stdout
    assert mode == 0o600
    assert (lake / "lakebed.db").exists()


def test_a_directory_that_is_used_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")

    done = subprocess.run(
        [*PROGRAM, "demo", str(tmp_path)], capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 2
    assert "is not empty" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_terminated_demo_takes_its_server_with_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*PROGRAM, "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**clean_environment(tmp_path), "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    with process:
        while not process.stdout.readline().startswith("$ lakebed repo create"):
            pass
        process.send_signal(signal.SIGTERM)
        process.stdout.read()

        assert process.wait(60) == 143
    assert list(tmp_path.iterdir()) == []


def test_serve_hands_over_to_the_server(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            *PROGRAM,
            "serve",
            str(tmp_path / "lake"),
            "--listen",
            "127.0.0.1:0",
            "--init-admin",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment(tmp_path),
    )
    assert process.stdout is not None
    with process:
        while not (line := process.stdout.readline()).startswith("lakebed ready on"):
            assert line
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 0

"""Addresses that programs sign, for somebody who has no key."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from pathlib import Path

from support.client_page import Section
from support.client_shell import Shell
from support.lakes import Lake

KEY = "main/a folder/öbject+"


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address.strip()) as answer:
        return bytes(answer.read())


def test_the_aws_cli_signs_an_address(
    documented: Callable[[str], Section], lake: Lake, home: Path
) -> None:
    section = documented("aws CLI")
    (home / ".aws").mkdir()
    (home / ".aws" / "config").write_text(section.text("ini"))
    lake.write(KEY, b"data")

    signed = Shell(section.text("sh"), home).run("aws", "s3", "presign", lake.uri(KEY))

    assert fetch(signed.out) == b"data"


def test_s5cmd_signs_an_address(
    documented: Callable[[str], Section], lake: Lake, home: Path
) -> None:
    lake.write(KEY, b"data")

    shell = Shell(documented("s5cmd").text("sh"), home)

    assert fetch(shell.run("s5cmd", "presign", lake.uri(KEY)).out) == b"data"


def test_rclone_signs_an_address(
    documented: Callable[[str], Section], lake: Lake, home: Path
) -> None:
    (home / "rclone.conf").write_text(documented("rclone").text("ini"))
    lake.write(KEY, b"data")

    shell = Shell("export RCLONE_CONFIG=rclone.conf", home)
    signed = shell.run("rclone", "link", f"lake:{lake.repository}/{KEY}")

    assert fetch(signed.out) == b"data"


def test_s3fs_signs_an_address(
    documented: Callable[[str], Section], lake: Lake
) -> None:
    fs = documented("s3fs").run_python().fs
    lake.write(KEY, b"data")

    assert fetch(fs.sign(f"{lake.repository}/{KEY}")) == b"data"

"""Arguments become settings, or one line that says how they are written."""

from __future__ import annotations

from pathlib import Path

import pytest
from lakebed.server.arguments import LIMITS, Arguments, read_arguments
from lakebed.server.errors import StartupError
from lakebed.server.settings import Endpoint, Listener, Role, Settings, TlsFiles


@pytest.mark.parametrize(
    "arguments",
    [
        ["--s3-domain", "lake.test:9000"],
        ["--s3-domain", "http://lake.test"],
        ["--s3-domain", ""],
        ["--s3-domain", "-a"],
        ["--flat-s3", "127.0.0.1:0"],
        ["--flat-s3", "127.0.0.1:0="],
        ["--flat-s3", "127.0.0.1:0=main~x"],
        ["--flat-s3", "nowhere=main"],
        ["--s3-listen", "9000"],
        ["--metrics", "9000"],
        ["--tls-cert", "cert.pem"],
        ["--tls-key", "key.pem"],
        ["--limit", "patience=1"],
        ["--limit", "requests_max"],
        ["--limit", "requests_max=0"],
        ["--limit", "requests_max=1.5"],
        ["--limit", "keepalive_s=inf"],
        ["--limit", "keepalive_s=nan"],
        ["--limit", "region=1"],
        ["--workers", "0"],
        ["--workers", "two"],
        ["--workers", "1000"],
    ],
)
def test_what_cannot_be_meant_is_one_line(arguments: list[str]) -> None:
    name, value = arguments
    with pytest.raises(StartupError) as refused:
        read_arguments(["lake", f"{name}={value}"])

    line = str(refused.value)
    assert "\n" not in line
    assert value.partition("=")[0] in line or "--tls" in line


def read(*lines: str) -> Arguments:
    return read_arguments(["lake", *" ".join(lines).split()])


def test_without_arguments_the_defaults_hold() -> None:
    given = read_arguments(["lake"])

    assert given.settings == Settings()
    assert given.directory == Path("lake").absolute()
    assert given.settings.listeners() == (
        Listener(Endpoint("127.0.0.1", 8000), Role()),
    )


def test_each_place_has_its_role() -> None:
    given = read(
        "--listen [::1]:1 --listen 127.0.0.1:2 --s3-listen 127.0.0.1:3",
        "--flat-s3 127.0.0.1:4=main --flat-s3 [::1]:5=v1.0~2",
    )

    assert given.settings.listeners() == (
        Listener(Endpoint("::1", 1), Role(speaks_s3=False)),
        Listener(Endpoint("127.0.0.1", 2), Role(speaks_s3=False)),
        Listener(Endpoint("127.0.0.1", 3), Role(speaks_rest=False)),
        Listener(Endpoint("127.0.0.1", 4), Role(speaks_rest=False, flat_ref="main")),
        Listener(Endpoint("::1", 5), Role(speaks_rest=False, flat_ref="v1.0~2")),
    )
    assert str(given.settings.listen[0]) == "[::1]:1"


def test_everything_else_reaches_the_settings() -> None:
    given = read(
        "--s3-domain S3.Lake.Test. --tls-cert c.pem --tls-key k.pem",
        "--access-log - --metrics 127.0.0.1:9 --expose-metrics --region eu-west-1",
        "--limit requests_max=7 --limit stall_s_max=1.5",
    )

    assert given.settings == Settings(
        s3_domains=("s3.lake.test",),
        tls=TlsFiles(Path("c.pem"), Path("k.pem")),
        access_log="-",
        metrics=Endpoint("127.0.0.1", 9),
        expose_metrics=True,
        region="eu-west-1",
        requests_max=7,
        stall_s_max=1.5,
    )


def test_every_number_of_the_settings_can_be_set() -> None:
    for name, default in LIMITS.items():
        given = read_arguments(["lake", "--limit", f"{name}={default + 1}"])

        assert getattr(given.settings, name) == default + 1
        assert type(getattr(given.settings, name)) is type(default)


def test_uploads_can_be_kept_for_ever_and_nothing_else_is_without_limit() -> None:
    given = read_arguments(["lake", "--limit", "uploads_kept_h=0"])

    assert given.settings.uploads_kept_h == 0
    with pytest.raises(StartupError, match="above 0"):
        read_arguments(["lake", "--limit", "streams_max=0"])


def test_each_limit_says_why() -> None:
    """A number without its reason is one that nobody dares to change."""
    source = Path(__file__).parents[3] / "server" / "settings.py"
    lines = source.read_text().splitlines()

    for name in LIMITS:
        line = next(
            n for n, text in enumerate(lines) if text.startswith(f"    {name}: ")
        )
        assert lines[line + 1].strip().startswith('"""'), name

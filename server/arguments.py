"""The arguments of `python -m lakebed.server`, and the settings that they make."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .cores import count_usable_cores
from .errors import InvalidRefExpressionError, StartupError
from .logs import LEVELS
from .refs.expression import parse_expression
from .settings import Endpoint, Settings, TlsFiles

KEY_ID_VARIABLE = "LAKEBED_ACCESS_KEY_ID"
SECRET_VARIABLE = "LAKEBED_SECRET_ACCESS_KEY"  # noqa: S105 - a name, no secret
FIRST_USER = "admin"

LIMITS = {
    field.name: field.default
    for field in fields(Settings)
    if isinstance(field.default, int | float) and not isinstance(field.default, bool)
}
"""The limits by name, with their defaults."""

_MAY_BE_ZERO = frozenset({"uploads_kept_h"})
"""Limits that 0 switches off."""

WORKERS_MAX = 256
"""More than a machine has cores for: each takes up to 256 MiB."""

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a server is started with."""

    directory: Path
    settings: Settings
    init_admin: bool
    log_level: str
    workers: int
    """Processes that serve; with one there is no supervisor."""


def read_arguments(arguments: Sequence[str] | None) -> Arguments:
    """Return what `arguments` say, by default those of the process.

    Raises:
        StartupError: one cannot be; says which, and how it is written.
    """
    options = _make_parser().parse_args(arguments)
    return Arguments(
        Path(options.directory).absolute(),
        _read_settings(options),
        options.init_admin,
        options.log_level,
        _read_workers(options.workers),
    )


def _make_parser() -> argparse.ArgumentParser:
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m lakebed.server", description="Serve the lake in a directory."
    )
    add = parser.add_argument
    add("directory", metavar="DIR", help="made if it is not there")
    add(
        "--listen",
        metavar="HOST:PORT",
        action="append",
        help=f"where to listen ({defaults.listen[0]}); port 0 takes a free one; may be "
        "given several times, as --s3-listen, --flat-s3, --s3-domain and --limit may",
    )
    add(
        "--s3-listen",
        metavar="HOST:PORT",
        action="append",
        default=[],
        help="a place for S3 alone; '--listen' speaks REST only then",
    )
    add(
        "--flat-s3",
        metavar="HOST:PORT=REF",
        action="append",
        default=[],
        help="a place for S3 where a bucket is a repository at REF, and keys have no ref",
    )
    add(
        "--s3-domain",
        metavar="DOMAIN",
        action="append",
        default=[],
        help="hosts 'BUCKET.DOMAIN' name a bucket",
    )
    add("--tls-cert", metavar="FILE", help="certificate and its chain, PEM")
    add("--tls-key", metavar="FILE", help="key of the certificate, PEM")
    add(
        "--workers",
        metavar="NUMBER",
        help="processes that serve, each on a core; by default as many as there are "
        "cores, and no other process with 1",
    )
    add(
        "--init-admin",
        action="store_true",
        help=f"create the first user, '{FIRST_USER}', with the key in {KEY_ID_VARIABLE} "
        f"and {SECRET_VARIABLE}, or with a fresh one that is printed once",
    )
    add(
        "--region",
        default=defaults.region,
        help="the region of S3 signatures (%(default)s)",
    )
    add(
        "--access-log",
        metavar="FILE",
        default="off",
        help="a line for each request; '-' is stdout (%(default)s)",
    )
    add(
        "--metrics",
        metavar="HOST:PORT",
        default="off",
        help="figures for Prometheus, on a loopback address (%(default)s)",
    )
    add(
        "--expose-metrics",
        action="store_true",
        help="let others than this machine read the figures",
    )
    add(
        "--limit",
        metavar="NAME=NUMBER",
        action="append",
        default=[],
        help="set a limit: " + ", ".join(sorted(LIMITS)),
    )
    add("--log-level", choices=LEVELS, default="WARNING")
    add("--version", action="version", version=version("lakebed"))
    return parser


def _read_settings(options: argparse.Namespace) -> Settings:
    defaults = Settings()
    limits: dict[str, Any] = dict(map(_read_limit, options.limit))
    listen = tuple(map(_read_endpoint, options.listen or ())) or defaults.listen
    return Settings(
        listen=listen,
        s3_listen=tuple(map(_read_endpoint, options.s3_listen)),
        flat_s3=tuple(map(_read_flat, options.flat_s3)),
        s3_domains=tuple(map(_read_domain, options.s3_domain)),
        tls=_read_tls(options.tls_cert, options.tls_key),
        metrics=None if options.metrics == "off" else _read_endpoint(options.metrics),
        expose_metrics=options.expose_metrics,
        access_log=None if options.access_log == "off" else options.access_log,
        region=options.region,
        **limits,
    )


def _read_workers(text: str | None) -> int:
    if text is None:
        return min(count_usable_cores(), WORKERS_MAX)
    if text.isascii() and text.isdigit() and 1 <= int(text) <= WORKERS_MAX:
        return int(text)
    raise StartupError(
        f"cannot start '{text}' workers: give a number from 1 to {WORKERS_MAX}"
    )


def _read_endpoint(text: str) -> Endpoint:
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()):
        raise StartupError(f"cannot listen on '{text}': write it as '127.0.0.1:8000'")
    if int(port) > 65535:
        raise StartupError(f"cannot listen on '{text}': ports go up to 65535")
    return Endpoint(host, int(port))


def _read_flat(text: str) -> tuple[Endpoint, str]:
    where, equals, ref = text.partition("=")
    if not equals or not ref:
        raise StartupError(
            f"cannot listen on '{text}': write it as '127.0.0.1:9000=main'"
        )
    try:
        parse_expression(ref)
    except InvalidRefExpressionError as error:
        raise StartupError(f"cannot listen on '{text}': {error}") from error
    return _read_endpoint(where), ref


def _read_domain(text: str) -> str:
    domain = text.lower().removesuffix(".")
    if not _DOMAIN.fullmatch(domain):
        raise StartupError(
            f"cannot use the domain '{text}': write a name without a port, as "
            "'s3.example.org'"
        )
    return domain


def _read_tls(certificate: str | None, key: str | None) -> TlsFiles | None:
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise StartupError("cannot use TLS: give both '--tls-cert' and '--tls-key'")
    return TlsFiles(Path(certificate), Path(key))


def _read_limit(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    default = LIMITS.get(name)
    if default is None:
        raise StartupError(
            f"no limit is called '{name}': there are {', '.join(sorted(LIMITS))}"
        )
    try:
        value = type(default)(number)
    except ValueError:
        value = type(default)(-1)
    if value == 0 and name in _MAY_BE_ZERO:
        return name, value
    if not 0 < value < float("inf"):
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise StartupError(
            f"cannot set '{name}' to '{number}': it must be {kind} above 0"
        )
    return name, value

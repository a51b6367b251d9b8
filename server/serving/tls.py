"""TLS for listeners: a context out of a certificate and a key, read again when told."""

from __future__ import annotations

import ssl
from pathlib import Path

from ..errors import StartupError
from ..settings import TlsFiles


class _EncryptedKeyError(Exception):
    """OpenSSL asked for a password."""


class TlsContext:
    """What listeners encrypt with. Old connections keep the certificate they began with."""

    def __init__(self, files: TlsFiles) -> None:
        """Read `files`.

        Raises:
            StartupError: they cannot be used; says which, and why.
        """
        self._files = files
        self.context = make_context(files)

    def reload(self) -> None:
        """Read the files again, for new connections.

        Raises:
            StartupError: they cannot be used; what was read before goes on.
        """
        make_context(self._files)
        # What has just loaded loads again; a context that listens takes it in place.
        _load(self.context, self._files)


def make_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a context with `files`.

    Raises:
        StartupError: they cannot be used; says which, and why.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Older versions are broken; Python's own choice of ciphers has forward secrecy only.
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    _load(context, files)
    return context


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    for what, path in (("certificate", files.certificate), ("key", files.key)):
        _check_readable(what, path)
    try:
        context.load_cert_chain(files.certificate, files.key, password=_refuse_password)
    except _EncryptedKeyError:
        raise StartupError(
            f"cannot use the TLS key '{files.key}': it is encrypted: decrypt it, for "
            "instance with 'openssl pkey -in KEY -out PLAIN'"
        ) from None
    except ssl.SSLError as error:
        raise StartupError(_explain(error, files)) from error


def _check_readable(what: str, path: Path) -> None:
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StartupError(f"cannot read the TLS {what} '{path}': {reason}") from error


def _refuse_password() -> str:
    raise _EncryptedKeyError


def _explain(error: ssl.SSLError, files: TlsFiles) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"cannot use the TLS key '{files.key}': it is not that of the certificate "
            f"'{files.certificate}'"
        )
    try:
        probe = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        probe.load_verify_locations(files.certificate)
    except ssl.SSLError:
        what, path = "certificate", files.certificate
    else:
        what, path = "key", files.key
    return f"cannot use the TLS {what} '{path}': it is not PEM, or damaged"

"""Access keys: how they are made, and how their secrets are kept.

A signature can only be checked by whoever has the secret, so secrets cannot be hashed.
They are sealed with AES-256-GCM under a master key that lies beside the database, in
`DIR/master.key` (mode 0600): a copy of the database alone gives no secret away.

A sealed secret is: version byte 1, 12 bytes of nonce, ciphertext with its tag. The
access key id is authenticated with it, so that a sealed secret cannot be moved to
another key.
"""

from __future__ import annotations

import os
import secrets
import string
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..errors import CorruptDataError, InvalidValueError, StartupError

_VERSION = b"\x01"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_FILE = "master.key"

_ID_ALPHABET = string.ascii_uppercase + string.digits
_ID_CHARS = set(string.ascii_letters + string.digits + "-_.")
"""Neither `:` nor `/`: Basic and SigV4 end the id there."""
_SECRET_ALPHABET = string.ascii_letters + string.digits
"""No signs: a secret is pasted into shells, URLs and configuration files."""


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key as its owner has it."""

    id: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if not 3 <= len(self.id) <= 128 or not _ID_CHARS.issuperset(self.id):
            raise InvalidValueError(
                "access_key_id",
                "access key id must be 3 to 128 letters, digits, '-', '_' or '.'",
            )
        secret = self.secret
        if not 8 <= len(secret) <= 128 or not (
            secret.isascii() and secret.isprintable()
        ):
            raise InvalidValueError(
                "secret_access_key",
                "secret access key must be 8 to 128 printable ASCII characters",
            )


def make_access_key() -> AccessKey:
    """Return a fresh access key: 20 characters of id, 40 of secret (238 bits)."""
    return AccessKey(
        "LB" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(18)),
        "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(40)),
    )


class MasterKey:
    """Seals and opens secrets."""

    def __init__(self, key: bytes) -> None:
        """Seal with `key`, 32 bytes."""
        if len(key) != _KEY_BYTES:
            raise ValueError(f"master key must be {_KEY_BYTES} bytes, not {len(key)}")
        self._cipher = AESGCM(key)

    def seal(self, key: AccessKey) -> bytes:
        """Return the secret of `key`, sealed."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, key.secret.encode(), _bound_to(key.id))
        return _VERSION + nonce + sealed

    def unseal(self, access_key_id: str, sealed: bytes) -> str:
        """Return the secret that was sealed for `access_key_id`.

        Raises:
            CorruptDataError: it was not, or not under this master key.
        """
        if sealed[:1] != _VERSION:
            raise CorruptDataError(f"sealed secret starts with {sealed[:1]!r}")
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return self._cipher.decrypt(nonce, rest, _bound_to(access_key_id)).decode()
        except (InvalidTag, ValueError) as error:
            raise CorruptDataError(
                f"cannot open the secret of '{access_key_id}': 'master.key' is not the "
                "one it was sealed with"
            ) from error


def _bound_to(access_key_id: str) -> bytes:
    return b"lakebed v1 secret\0" + access_key_id.encode()


def open_master_key(directory: Path, *, may_create: bool) -> MasterKey:
    """Return the master key of a lake; made, durably, if there is none and it may be.

    Of several processes that make it at once one wins, and all return the winner's.

    Raises:
        StartupError: it is missing, damaged or cannot be read.
    """
    path = directory / _FILE
    try:
        if may_create and not path.exists():
            _create(path)
        key = path.read_bytes()
    except FileNotFoundError:
        raise StartupError(
            f"cannot use '{directory}': '{_FILE}' is missing, and no key works without "
            "it: put it back from a backup"
        ) from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StartupError(f"cannot use '{path}': {reason}") from error
    if len(key) != _KEY_BYTES:
        raise StartupError(
            f"cannot use '{path}': it is {len(key)} bytes long, not {_KEY_BYTES}: "
            "put it back from a backup"
        )
    return MasterKey(key)


def _create(path: Path) -> None:
    # Written whole under another name, then linked: a link fails if the name is taken
    # and never shows half a key. A stop before it leaves a draft that nobody reads.
    draft = path.with_name(f"{_FILE}.new-{secrets.token_hex(8)}")
    fd = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(os.urandom(_KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink()
    # Also if another process made the link: it may not have synced it yet.
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

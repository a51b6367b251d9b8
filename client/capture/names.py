"""Which names promise a secret: of options, keys of configuration, variables, files.

Two degrees. A value under a *secret* name (`password`, `api_key`) is always masked. One under
a *doubtful* name (`key`, `sort_key`, `pad_token`) is masked if it looks like a secret itself:
training code is full of tokens and keys that are none.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise

_ALWAYS = {
    *("password", "passwords", "passwd", "passphrase", "passcode", "pwd"),
    *("secret", "secrets", "credential", "credentials", "apikey", "apikeys"),
    *("authtoken", "accesstoken", "privatekey", "secretkey", "accesskey", "authkey"),
}
"""Words that make a name secret wherever they stand in it."""
_OF_KEYS = {
    *("api", "access", "secret", "private", "signing", "encryption", "account", "auth"),
    *("master", "license", "app", "subscription", "service", "storage", "shared"),
    *("ssh", "gpg", "aws", "wandb"),
}
"""Words that make a following `key` secret: `sort_key` and `primary_key` are none."""
_ALONE = {"token", "authorization", "bearer", "dsn", "auth", "cookie", "pat", "sas"}
"""Words that make a name secret as its last one: `max_token_length` is a number."""
_VOCABULARY = {
    *(
        "pad",
        "eos",
        "bos",
        "unk",
        "mask",
        "cls",
        "sep",
        "start",
        "end",
        "stop",
        "special",
    ),
    *(
        "image",
        "video",
        "audio",
        "user",
        "assistant",
        "system",
        "think",
        "tool",
        "prefix",
    ),
    *("suffix", "middle", "fim", "decoder", "forced", "first", "last", "next", "new"),
    *("per", "num", "max", "min", "use", "no", "is", "has", "with", "add", "n"),
}
"""`pad_token`, `eos_token`: what stands before a token of a text."""
_DOUBTFUL = {"key", "keys", "token", "tokens", "signature", "sig", "session", "hash"}
_NOT_ITSELF = {
    *("file", "path", "dir", "directory", "folder", "name", "env", "var", "variable"),
    *("length", "len", "size", "min", "max", "policy", "field", "column", "ttl"),
    *("expiry", "expires", "count", "arn", "type", "url", "uri", "provider"),
}
"""Last words that say something of the secret, and are not the secret."""

_FILES = (
    *(".env", ".env.*", "*.env", ".netrc", "_netrc", ".pypirc", ".npmrc", ".pgpass"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.gpg", "*.asc", ".htpasswd"),
    *("credentials", "credentials.*", "*credentials*.json", "client_secret*.json"),
    *(
        "secrets",
        "secrets.*",
        "*.secret",
        "*.secrets",
        ".dockercfg",
        ".git-credentials",
    ),
    *(
        "service-account*.json",
        "service_account*.json",
        "kubeconfig",
        ".boto",
        ".s3cfg",
    ),
    *("*.tfstate", "*.tfvars", "kaggle.json", "profiles.toml"),
)
"""Files that hold secrets by their purpose."""
_EXAMPLES = (
    *("*.example", "*.sample", "*.template", "*.dist", "*.pub"),
    *(
        "*.py",
        "*.pyi",
        "*.ipynb",
        "*.js",
        "*.ts",
        "*.go",
        "*.rs",
        "*.java",
        "*.sh",
        "*.md",
    ),
)
"""Nothing secret in spite of such a name: what is shown as an example, and code."""


@lru_cache(maxsize=4096)
def is_secret_name(name: str) -> bool:
    """Tell whether a value of this name (a key, an option, a variable) is a secret."""
    if is_certain_name(name):
        return True
    words = _words(name)
    if not words or words[-1] not in _ALONE:
        return False
    return len(words) == 1 or words[-2] not in _VOCABULARY


@lru_cache(maxsize=4096)
def is_certain_name(name: str) -> bool:
    """Tell whether `name` is one of secrets alone: not `token`, which texts have as well."""
    words = _words(name)
    if not words or words[-1] in _NOT_ITSELF:
        return False
    if _ALWAYS.intersection(words):
        return True
    if any(two in ("key", "keys") and one in _OF_KEYS for one, two in pairwise(words)):
        return words[-1] in ("key", "keys", "id")
    return words[-2:] == ["connection", "string"]


def is_secret_value(name: str, value: str) -> bool:
    """Tell whether `value` under `name` must not be recorded."""
    if is_secret_name(name):
        return True
    words = _words(name)
    return bool(words) and words[-1] in _DOUBTFUL and looks_random(value)


@lru_cache(maxsize=4096)
def may_be_secret(name: str) -> bool:
    """Tell whether there is a value that must not be recorded under `name`."""
    words = _words(name)
    return is_secret_name(name) or (bool(words) and words[-1] in _DOUBTFUL)


def is_secret_file(path: str) -> bool:
    """Tell whether a file at `path` holds secrets by its purpose, so that it is not kept."""
    name = path.rstrip("/").rpartition("/")[2].lower()
    if any(fnmatchcase(name, pattern) for pattern in _EXAMPLES):
        return False
    return any(fnmatchcase(name, pattern) for pattern in _FILES) or any(
        folder in (".ssh", ".aws", ".gnupg") for folder in path.lower().split("/")[:-1]
    )


_RANDOM_CHARS_MIN = 16
"""Generated secrets have 16 and more; shorter words of letters and digits are names."""
RANDOM_CHARS_READ = 256
"""Of a longer value the beginning tells: every name in a line of megabytes has the rest of
it as its value."""
_RANDOM_BITS_MIN = 3.0
"""Shannon entropy a character: 16 random hex digits have 3.4 as a rule, words fewer."""


def looks_random(value: str) -> bool:
    """Tell whether `value` looks generated: long, letters and digits, little repeated."""
    value = value[:RANDOM_CHARS_READ]
    if len(value) < _RANDOM_CHARS_MIN or not re.fullmatch(r"[\w+/=.~-]+", value):
        return False
    if not (re.search(r"\d", value) and re.search(r"[A-Za-z]", value)):
        return False
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(each * math.log2(each) for each in shares) >= _RANDOM_BITS_MIN


def _words(name: str) -> list[str]:
    """Return the words of `name`, which may be camelCase, kebab-case or dotted."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.findall(r"[a-z0-9]+", spaced.lower())

"""Masking takes time in proportion to what it reads, whatever that is; and forgets nothing.

A program may write anything. What took the square of the length of a word held up a
training for minutes, so each function is given the shapes that a regular expression could
go astray in, and four times as much of them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePath
from types import SimpleNamespace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from lakebed.client.capture import (
    MASK,
    capture_notebook,
    mask_argv,
    mask_text,
    mask_url,
)
from lakebed.client.capture.contents import holds_secret
from lakebed.client.capture.flattening import (
    UnreadableError,
    flatten_params,
    read_configuration,
)
from lakebed.client.capture.literals import is_secret_literal
from lakebed.client.capture.locks import is_pinned
from lakebed.client.capture.masked_files import mask_configuration
from lakebed.client.capture.names import (
    is_secret_name,
    is_secret_value,
    looks_random,
)
from lakebed.client.capture.secrets import mask_value
from lakebed.client.capture.variables import read_variables
from lakebed.client.runs.output_log import (
    TEXT_CHARS_MAX,
    OutputLog,
    shorten_text,
)

CHARS = 1_500
"""What takes the square of it takes some half a second for the second text."""
GROWTH_MAX = 6
"""Four times as much takes four times as long; the rest is for a machine that is busy."""
NOTHING_S = 0.02
"""What is below is noise."""

REPEATED = [
    *("x", "0f", "A", "a.", "a-", "A-", "_", "1", ".", "-", "é", "aB"),
    *("a=", "a:", "a: ", "=", ":", ":=", "=>", "a=b&", "a =", "a\t", "a\t="),
    *("password=", "password=(", "password =", 'password="', "key=", "key=1", "token "),
    *(
        '"',
        "'",
        "\\",
        '\\"',
        'a="',
        "a='",
        "a=\"b='",
        'a="b=\'c\\"',
        '{"a":',
        '["',
        "[[",
    ),
    *("://", "@", "://@", "://a:b", "://a:b@", "://a:1", "://a/t/", "a@b:", "://a:b/"),
    *(
        "sk-",
        "-eyJ",
        "eyJaaaaaaaa.",
        ".eyJaaaaaaaa",
        "SG.",
        "hf_",
        "AKIA",
        "github_pat_",
    ),
    *("-----BEGIN ", "-----END ", "PRIVATE KEY", "-----BEGIN PRIVATE KEY-----"),
    *(
        " ",
        "\t",
        "\n",
        "\r",
        "a \n",
        "--a ",
        "--a",
        "--use-",
        "-a\t",
        "bearer ",
        "basic\t",
    ),
    *(
        "a[",
        "a[\n",
        "- ",
        "- a: ",
        "a:\n ",
        "[a]\n",
        "#",
        ";",
        "%",
        "\0",
        "${",
        "import ",
    ),
]
BEFORE = ["", "@ ", 'password="', "[x]\na"]


def notebook(text: str) -> None:
    capture_notebook(SimpleNamespace(user_ns={"In": ["", text]}))


def configuration(ending: str) -> Callable[[str], object]:
    def read(text: str) -> None:
        path = PurePath(f"a.{ending}")
        mask_configuration(path, text.encode())
        with suppress(UnreadableError):
            flatten_params(read_configuration(path, text.encode()))

    return read


def log(text: str) -> None:
    taken = OutputLog(lambda _: None, ["s3cr3t-of-the-environment"])
    taken.take(text.encode())
    taken.finish()


WORK: dict[str, Callable[[str], object]] = {
    "mask_text": mask_text,
    "mask_url": mask_url,
    "mask_argv": lambda text: mask_argv([text, "-" + text, "--" + text, text]),
    "mask_value": lambda text: mask_value(text, text),
    "names": lambda text: (is_secret_name(text), is_secret_value(text, text)),
    "looks_random": looks_random,
    "literals": lambda text: is_secret_literal("password", text),
    "shell": lambda text: holds_secret("a.sh", text.encode()),
    "code": lambda text: holds_secret("a.py", text.encode()),
    "notebook file": lambda text: holds_secret("a.ipynb", text.encode()),
    "configuration file": lambda text: holds_secret("a.yaml", text.encode()),
    "notebook": notebook,
    "variables": lambda text: read_variables({"PYTHONPATH": text}),
    "log": log,
    "pins": lambda text: is_pinned(text.encode()),
    **{ending: configuration(ending) for ending in ("json", "ini")},
}


LOOKS = 3


def cpu_s(work: Callable[[str], object], text: str) -> float:
    before = time.process_time()
    work(text)
    return time.process_time() - before


@pytest.mark.parametrize("name", WORK)
def test_four_times_as_much_takes_some_four_times_as_long(name: str) -> None:
    astray = [
        (before, piece)
        for before in BEFORE
        for piece in REPEATED
        # Once may be an accident: memory that is cleaned up just then, for example.
        if all(grows_too_much(WORK[name], before, piece) for _ in range(LOOKS))
    ]

    assert astray == []


def grows_too_much(work: Callable[[str], object], before: str, piece: str) -> bool:
    takes_s = cpu_s(work, before + piece * (4 * CHARS // len(piece)))
    if takes_s <= GROWTH_MAX * NOTHING_S:
        return False
    took_s = cpu_s(work, before + piece * (CHARS // len(piece)))
    return takes_s > GROWTH_MAX * max(took_s, NOTHING_S)


def test_a_text_that_is_logged_at_once_is_bounded_before_it_is_masked() -> None:
    lines = "".join(f"line {number}\n" for number in range(400_000))

    short = shorten_text(lines)

    assert shorten_text("one\ntwo") == "one\ntwo"
    assert len(short) <= TEXT_CHARS_MAX + 100
    assert short.startswith("line 0\nline 1\n")
    assert short.endswith("line 399999\n")
    first, told, rest = re.split(r"(?m)^(\[\.\.\. .* left out \.\.\.\])\n", short)
    assert int(re.sub(r"\D", "", told)) == len(lines) - len(first.rstrip("\n")) - len(
        rest
    )
    assert re.match(r"line \d+\n", rest)


def test_many_secrets_of_a_large_file_are_not_sought_without_end() -> None:
    """Each is sought in all of the text: beyond some work the file is not kept."""
    path = PurePath("a.json")
    count = 40_000
    rows = ", ".join(f'"secret-{number}"' for number in range(count))

    spent_s = cpu_s(
        lambda text: mask_configuration(path, text.encode()), f'{{"secrets": [{rows}]}}'
    )

    assert spent_s < 10  # 40,000 searches of 600 kB would take that often
    assert mask_configuration(path, b'{"secrets": ["c4nary"]}') == (
        b'{"secrets": ["***"]}'
    )


def test_configuration_that_has_itself_in_it_has_an_end() -> None:
    layers = "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)
    )
    path = PurePath("a.yaml")
    laughs = f"a0: &a0 [x]\n{layers}password: c4nary\n".encode()

    masked = mask_configuration(path, laughs)

    assert masked is not None
    assert b"c4nary" not in masked
    assert (
        mask_configuration(path, b"password: &a [*a, c4nary]\n") == b"password: ***\n"
    )
    with pytest.raises(UnreadableError, match="itself"):
        flatten_params(read_configuration(path, b"a: &a [*a]\n"))


# What was masked before is masked --------------------------------------------------------

_FORMER = re.compile(
    r"""(?P<name>[A-Za-z_][\w.-]*) (?P<between>["']?[ \t]*(?:=>|:=|=|:)[ \t]*)
    (?: (?P<quote>["'])(?P<quoted>(?:\\.|(?!(?P=quote)).){0,4096})(?P=quote)
      | (?P<bare>[^\s"'&;,|()\[\]{}<>]{1,4096}+) (?!\() )
    """,
    re.VERBOSE,
)
"""Tried from every letter of a word: slow, and plain."""
_TELLS_NOTHING = {"true", "false", "none", "null", "yes", "no", "0", "1"}


def mask_named_formerly(text: str) -> str:
    pieces: list[str] = []
    done = position = 0
    while (found := _FORMER.search(text, position)) is not None:
        group = "quoted" if found["quote"] else "bare"
        position = found.start(group)
        value = found[group]
        if not value or value == MASK or value.lower() in _TELLS_NOTHING:
            position = found.end(group)
        elif is_secret_value(found["name"], value):
            pieces += [text[done:position], MASK]
            done = position = found.end(group)
    return "".join(pieces) + text[done:]


WORDS = st.sampled_from(
    [
        *("password", "1password", "my.token", "-key", "key", "x", "_", "é", "api_key"),
        *(
            "=",
            ":",
            "=>",
            " ",
            "\t",
            "\n",
            '"',
            "'",
            "\\",
            "(",
            ")",
            ",",
            "&",
            ".",
            "-",
        ),
        *("c4nary", "true", "***", "0", "aB3dE5gH7jK9mN1pQ", "1", "A"),
    ]
)


@given(st.lists(WORDS, max_size=16).map("".join) | st.text(max_size=40))
def test_what_was_masked_by_its_name_is_masked(text: str) -> None:
    # There a part of what assigns was taken for the value; and `a["b"] = c` was not known.
    assume(":=" not in text and "]" not in text)

    masked = mask_text(text)

    assert masked == mask_text(mask_named_formerly(text))


SHAPES = {
    "eyJ": r"[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*",
    "sk-": r"(?=[\w-]*\d)[\w-]{20,}",
}
PARTS = st.sampled_from(
    ["eyJ", "sk-", "-", ".", "_", "aaaaaaaa", "b1", " ", "x", "eyJaaaaaaaa", "9" * 12]
)


@given(st.lists(PARTS, max_size=14).map("".join))
def test_what_was_masked_by_its_shape_is_masked(text: str) -> None:
    formerly = text
    # In the order in which they are looked for: one may leave what looks like the other.
    for start in ("sk-", "eyJ"):
        formerly = re.sub(
            rf"{start}(?<![A-Za-z0-9_]{start}){SHAPES[start]}", MASK, formerly
        )

    assert mask_text(text) == formerly


URL_PARTS = st.sampled_from(
    ["://", "https", ":", "@", "/", "a", "b1", "8080", " ", "?", "#", "***", "\n", "'"]
)
_FORMER_USER = re.compile(
    r"""://
    (?:
        (?P<user>[^\s/?\#'"@:]*) (?P<password>:[^\s/?\#'"]*)? @
        | [^\s/?\#'"@:]*:(?!\d*(?:/|$))[^\s?\#'"@]*@
    )""",
    re.VERBOSE,
)


def _replace_formerly(found: re.Match[str]) -> str:
    user = found["user"]
    if user == MASK:
        return found[0]
    if user is not None and not found["password"]:
        scheme = found.string[max(0, found.start() - 5) : found.start()].lower()
        if not scheme.endswith(("http", "https")) and not looks_random(user):
            return found[0]
    return f"://{MASK}@"


@given(st.lists(URL_PARTS, max_size=14).map("".join))
def test_what_was_masked_in_a_url_is_masked(text: str) -> None:
    assert mask_text(text) == mask_text(_FORMER_USER.sub(_replace_formerly, text))

"""Secrets never reach a record: planted canaries are looked for in all that is captured."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lakebed.client.capture import (
    CapturedRun,
    Limits,
    capture_commits,
    capture_notebook,
    capture_run,
    is_secret_name,
    mask_argv,
    mask_text,
    mask_url,
)
from lakebed.client.capture.contents import holds_secret
from lakebed.client.capture.names import is_secret_file
from lakebed.client.runs.output_log import OutputLog, find_secrets

from support.git_repositories import Repository, make_repository

AWS_ID = "AKIA" + "IOSFODNN7EXAMPLE"
GITHUB = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
HUGGING_FACE = "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ012345"
MODELS = "sk-" + "proj-a1b2c3d4e5f6g7h8i9j0k1l2"
LAKEBED = "LB" + "ABCDEFGH0123456789"
WEB = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.abcDEF123-_x"
PRIVATE = "-----BEGIN RSA PRIVATE KEY-----\nMIIcanary\n-----END RSA PRIVATE KEY-----"
SHAPED = [AWS_ID, GITHUB, HUGGING_FACE, MODELS, LAKEBED, WEB, PRIVATE]


def seen(captured: CapturedRun) -> bytes:
    """Return all that would be recorded, as one heap of bytes."""
    parts = [captured.code, captured.configuration, captured.environment]
    parts += [captured.hardware, captured.params, captured.missing]  # type: ignore[list-item]
    heap = [msgspec.json.encode(part) for part in parts]
    heap += [file.name.encode() + b"\0" + file.content for file in captured.files]
    return b"\n".join(heap)


@pytest.fixture
def work(tmp_path: Path) -> Repository:
    return make_repository(tmp_path / "work")


def capture(
    work: Repository, *argv: str, config: str | None = None, **environ: str
) -> CapturedRun:
    return capture_run(
        work.root,
        argv or ("sh", "train.sh"),
        config_files=[Path(config)] if config else [],
        environ={"PATH": "/usr/bin:/bin", **environ},
    )


# Arguments ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "argv",
    [
        ["x", "--token=c4nary"],
        ["x", "--token", "c4nary"],
        ["x", "--db-password", "c4nary"],
        ["x", "--api_key=c4nary,with=more;of it"],
        ["x", "wandb.api_key=c4nary"],
        ["x", "+model.auth.secret=c4nary"],
        ["x", "-e", "HF_TOKEN=c4nary"],
        ["x", "--env=AWS_SECRET_ACCESS_KEY=c4nary"],
        ["sh", "-c", "TOKEN=c4nary python train.py"],
        ["sh", "-c", "python train.py --password c4nary --lr 1"],
        ["python", "-c", "login(token='c4nary')"],
        ["mysql", "-uroot", "-pc4nary", "sales"],
        ["/usr/bin/mysqldump", "-h", "db", "-pc4nary", "--all-databases"],
        ["env", "LANG=C", "mariadb-dump", "-pc4nary"],
        ["docker", "exec", "-i", "db", "mysql", "-pc4nary"],
        ["sshpass", "-pc4nary", "ssh", "-p22", "host"],
        ["sshpass", "-v", "-p", "c4nary", "scp", "a", "host:"],
        ["sudo", "sshpass", "-P", "word", "-pc4nary", "ssh", "host"],
        ["sh", "-c", "mysqldump -u root -pc4nary sales > x; echo -p22"],
        ["sh", "-c", "cat x | mysql -p'c4nary with words' sales"],
        ["sh", "-c", "sshpass -v -p c4nary ssh -p 22 host"],
        ["python", "-c", "os.environ['API_KEY'] = 'c4nary'"],
        ["x", '{"password": "c4nary", "lr": 1}'],
        ["x", "https://ann:c4nary@example.org/data"],
        ["x", "https://c4nary@example.org/data"],
        ["x", "postgresql://ann:pa/c4nary@db/x"],
        ["x", "redis://:c4nary@host"],
        ["x", "https://x/y?token=c4nary&a=1"],
        ["x", "https://x/y?X-Amz-Signature=c4naryc4naryc4nary0123456789"],
        ["curl", "-u", "ann:c4nary"],
        ["curl", "-H", "Authorization: Bearer c4naryc4nary"],
        ["x", "--key", "c4nary/K7MDENG/bPxRfiCYEXAMPLEKEY"],
        ["x", "--apiKey=c4nary"],
        ["x", "DefaultEndpointsProtocol=https;AccountKey=c4nary=="],
        *(["x", f"--anything={secret}"] for secret in SHAPED),
        *(["x", secret] for secret in SHAPED),
    ],
)
def test_secrets_in_arguments_are_masked(argv: list[str], work: Repository) -> None:
    canary = next(
        (each for each in SHAPED if any(each in word for word in argv)), "c4nary"
    )

    heap = seen(capture(work, *argv))

    assert canary.encode() not in heap
    assert b"MIIcanary" not in heap


def test_what_was_masked_is_a_gap(work: Repository) -> None:
    work.write(".git/info/exclude", "c.toml\n")
    work.write("c.toml", 'password = "c4nary"\n')

    masked = capture(work, "x", "--token=c4nary", config="c.toml")
    plain = capture(work, "x", "--token-file=f")

    assert {each.what for each in masked.missing} >= {
        "code.argv",
        "configuration.files",
    }
    assert not any("mask" in each.reason for each in plain.missing)


@pytest.mark.parametrize(
    "argv",
    [
        ["python", "train.py", "--lr=0.1", "--epochs", "3"],
        ["python", "train.py", "--max-tokens=512", "--pad_token", "<pad>"],
        ["python", "train.py", "--tokenizer=bert-base-uncased", "--keys", "a,b"],
        ["python", "train.py", "--sort-key", "name", "--primary_key=id"],
        ["python", "train.py", "--use-auth-token", "train.csv"],
        [
            "python",
            "train.py",
            "--password-file",
            "/run/secret",
            "--token-env=HF_TOKEN",
        ],
        [
            "python",
            "train.py",
            "lakebed://models/fraud@prod/model.pkl",
            "s3://data/main@{1}/x",
        ],
        ["python", "train.py", "https://example.org:8080/path@v1", "ssh://git@host/x"],
        [
            "python",
            "train.py",
            "git@github.com:ann/x.git",
            "--author=ann",
            "--no-token",
        ],
        [
            "python",
            "train.py",
            "--seed",
            "1",
            "--hash=d41d8cd98f00b204e9800998ecf8427e"[:20],
        ],
        ["python", "-c", "token = next(tokens); key = keys[0]"],
        ["ssh", "-p22", "host"],
        ["mysql", "-p", "sales", "-P3306"],
        ["sshpass", "-e", "ssh", "-p22", "host"],
        ["sshpass", "-f", "file", "rsync", "-progress"],
        ["python", "load.py", "mysql", "-p8"],
        ["mkdir", "-path"],
        ["sh", "-c", "mysql sales; ssh -p22 host"],
        ["python", "train.py", "--task-name=sk-learn-classification-baseline-run"],
    ],
)
def test_what_is_no_secret_stays(argv: list[str]) -> None:
    assert mask_argv(argv) == argv


# Remotes, environment, configuration -------------------------------------------------


def test_secrets_in_remotes_are_left_out(work: Repository) -> None:
    work.git("remote", "add", "origin", "https://ann:c4nary@example.org/x.git")
    work.git("config", "url.https://c4nary@mirror.example.org/.insteadOf", "mirror:")
    work.git("remote", "add", "second", "mirror:x.git")

    captured = capture(work)

    assert b"c4nary" not in seen(captured)
    assert captured.code.remote == "https://example.org/x.git"


def test_only_listed_variables_are_recorded(work: Repository) -> None:
    captured = capture(
        work,
        AWS_SECRET_ACCESS_KEY="c4nary",
        HF_TOKEN="c4nary",
        MY_VARIABLE="c4nary",
        LAKEBED_SECRET_ACCESS_KEY="c4nary",
        PYTHONPATH="/lib:https://ann:c4nary@host/x",
        OMP_NUM_THREADS="4",
        XLA_FLAGS=f"--xla {GITHUB}",
    )

    assert b"c4nary" not in seen(captured)
    assert GITHUB.encode() not in seen(captured)
    assert captured.environment.variables == {
        "OMP_NUM_THREADS": "4",
        "PYTHONPATH": "/lib:https://***@host/x",
        "XLA_FLAGS": "--xla ***",
    }


CONFIGURATIONS = {
    "json": '{"lr": 0.1, "db": {"password": "c4n\\"ary", "user": "ann"}, "api-key": ["c4nary2"]}',
    "toml": 'lr = 0.1\n[db]\npassword = "c4n\\"ary"  # ours\nuser = "ann"\n[secrets]\nx = "c4nary2"\n',
    "yaml": 'lr: 0.1\ndb:\n  password: c4n"ary with words\n  user: ann\ncredentials:\n  - c4nary2\n',
    "yml": 'lr: 0.1\ntoken: |\n  c4n"ary\n  c4nary2\nuser: ann\n',
    "ini": '[a]\nlr = 0.1\npassword = c4n"ary, c4nary2; all of it\nuser = ann\n',
    "cfg": f"[a]\nlr = 0.1\nuser = ann\nnote = c4n {GITHUB} {MODELS}\n",
}


@pytest.mark.parametrize("ending", CONFIGURATIONS)
def test_secrets_in_configuration_are_masked(ending: str, tmp_path: Path) -> None:
    """Of a file that Git does not see: what is committed is in Git already."""
    work = make_repository(tmp_path / "work")
    work.write(".git/info/exclude", "config.*\n")
    work.write(f"config.{ending}", CONFIGURATIONS[ending])

    captured = capture(work, config=f"config.{ending}")

    heap = seen(captured)
    for canary in (
        'c4n"ary',
        'c4n\\"ary',
        "c4nary2",
        "with words",
        "all of it",
        GITHUB,
        MODELS,
    ):
        assert canary.encode() not in heap, canary
    assert b"ann" in heap
    assert (
        captured.params[next(name for name in captured.params if "lr" in name)] == 0.1
    )
    (file,) = captured.configuration.files
    assert file.is_masked


def test_configuration_without_secrets_is_kept_to_the_byte(work: Repository) -> None:
    content = b"\xef\xbb\xbflr: 0.1\r\nmax_tokens: 5\r\npad_token: <pad>\r\npassword: null\r\n"
    work.write("config.yaml", content)

    captured = capture(work, config="config.yaml")

    assert {file.name: file.content for file in captured.files}[
        "config/config.yaml"
    ] == content
    assert not captured.configuration.files[0].is_masked


def test_options_of_the_run_are_masked() -> None:
    captured = capture_run(
        Path("/"),
        ["true"],
        options={"env": {"API_KEY": "c4nary"}, "param": ["password=c4nary", "lr=1"]},
        environ={},
    )

    assert captured.configuration.options == {
        "env": {"API_KEY": "***"},
        "param": ["password=***", "lr=1"],
    }


# Files -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.local", "prod.env", "server.pem", "id_rsa", "id_ed25519"),
        *(
            "credentials",
            "credentials.json",
            "my-credentials-2.json",
            ".netrc",
            ".npmrc",
        ),
        *(".aws/config", "deep/.ssh/config", "secrets.yaml", "terraform.tfstate"),
    ],
)
@pytest.mark.parametrize("is_tracked", [False, True])
def test_files_of_secrets_are_not_kept_and_named(
    name: str, is_tracked: bool, work: Repository
) -> None:
    if is_tracked:
        work.write(name, "before")
        work.commit()
    work.write(name, "DEBUG=1 c4nary")
    work.write("train.py", "print('changed')\n")

    captured = capture(work)

    assert b"c4nary" not in seen(captured)
    assert b"print('changed')" in seen(captured)
    (row,) = captured.code.untracked_left_out
    assert (row.path, row.reason) == (name, "its name says that it holds secrets")
    assert captured.code.is_dirty


@pytest.mark.parametrize(
    "name", [".env.example", "secrets.py", "keys.json", "token.txt", "env.sh"]
)
def test_files_with_such_names_that_are_harmless_are_kept(name: str) -> None:
    assert not is_secret_file(name)


@pytest.mark.parametrize("is_tracked", [False, True])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("train.py", f"KEY = '{secret}'\n") for secret in SHAPED),
        ("train.py", "password = 'c4nary-Kx81-93hd-Qw2z'\n"),
        ("set.py", 'API_KEY = "c4naryPySrc"\n'),
        ("set.py", "API_KEY='CANARYc4nary'\n"),
        ("set.py", 'API_KEY: str = "c4naryPySrc"\n'),
        ("set.py", 'self.db_password = b"c4nary"\n'),
        ("set.py", 'API_KEY = ("""c4naryPySrc""")\n'),
        ("set.py", 'os.environ["API_KEY"] = "c4naryPySrc"\n'),
        ("set.py", "os.environ['HF_TOKEN']='c4naryPySrc'\n"),
        ("set.py", 'connect(user="ann", password="c4nary")\n'),
        ("set.py", '{"secret": "c4naryPySrc"}\n'),
        ("set.py", 'token = "c4nary-Kx81-93"\n'),
        ("set.py", "password = 'c4nary$%1'\n"),
        ("set.js", "const apiKey = 'c4naryPySrc';\n"),
        ("set.sh", "export API_KEY=c4naryPySrc\n"),
        ("set.sh", "PASSWORD=c4nary python train.py\n"),
        ("notebook.ipynb", json.dumps({"source": ['API_KEY = "c4naryPySrc"\n']})),
        (
            "notebook.ipynb",
            json.dumps({"source": ['os.environ["API_KEY"]="c4naryPySrc"\n']}),
        ),
        ("notebook.ipynb", json.dumps({"source": ["%env API_KEY=c4naryPySrc\n"]})),
        ("train.py", "engine('postgres://ann:c4nary@db/x')\n"),
        ("conf.yaml", "password: c4nary\n"),
        ("conf.json", '{"auth": {"token": "c4nary"}}'),
        (
            "notebook.ipynb",
            json.dumps({"outputs": [{"text": [f"your key: {GITHUB}\n"]}]}),
        ),
        (
            "notebook.ipynb",
            json.dumps({"source": ["api_key = 'c4nary-Kx81-93hd-Qw2z'"]}),
        ),
        ("large.txt", "x" * 3_000_000 + f" {GITHUB} " + "y" * 100),
    ],
)
def test_a_file_with_a_secret_in_it_is_left_out_whole_and_named(
    name: str, text: str, is_tracked: bool, work: Repository
) -> None:
    """A diff with something masked in it would not apply."""
    if is_tracked:
        work.write(name, "before\n")
        work.commit()
    work.write(name, text)
    work.write("other.py", "kept = 1\n")

    captured = capture(work)

    heap = seen(captured)
    for canary in ("c4nary", *SHAPED):
        assert canary.encode() not in heap
    assert b"kept = 1" in heap
    assert [row.path for row in captured.code.untracked_left_out] == [name]
    assert "looks like a secret" in captured.code.untracked_left_out[0].reason


def test_a_secret_that_leaves_with_a_change_is_not_kept_either(
    work: Repository,
) -> None:
    work.write("conf.yaml", "password: c4nary\n")
    work.commit()
    work.write("conf.yaml", "password: ${PASSWORD}\n")

    assert b"c4nary" not in seen(capture(work))


@pytest.mark.parametrize(
    "text",
    [
        "pad_token = '<pad>'\nbos_token = '<s>'\n",
        "token = os.environ['HF_TOKEN']\npassword = getpass()\n",
        "parser.add_argument('--token', default='')\nkey = 'name'\n",
        "api_key: str = field(default='')\nmax_tokens = 4096\n",
        "# see https://user@example.org, or mail ann@example.org\nssh://git@host/x\n"[
            48:
        ],
        "secret_name = 'projects/x/secrets/y'\n",
        "token = tokenizer(x)\nkey = row['key']\ntokens = text.split()\n",
        "token = 'tokenizer'\nnext_token = 'sentence-transformers'\n",
        "API_KEY = 'api_key'\nPASSWORD_FIELD = 'password'\nSECRET = 'DB_PASSWORD'\n",
        "API_KEY = 'your-key-here'\npassword = 'changeme'\nsecret = 'xxxxxxxx'\n",
        "password = f'{user}-{host}'\nsecret = '<secret>'\ntoken = '%(token)s'\n",
        "credentials = 'credentials.json'\nsecret = '/run/secrets/db'\n",
        "help = 'the password: what you were given'\npassword = 'Your password, please'\n",
        "auth = 'https://auth.example.org/v1/login'\ntoken = '<|endoftext|>'\n",
        "if password == 'hunter22hunter':\n    pass\n",
        "password: str = os.environ['PASSWORD']\napi_key: str | None = None\n",
        "os.environ['API_KEY'] = getpass('the key of the service')\n",
        "def login(password: str, token: str = '') -> None: ...\n",
        "sort_key = 'created_at_2024'\nprimary_key = 'identifier1'\n",
    ],
)
def test_ordinary_code_is_not_taken_for_secrets(text: str) -> None:
    assert not holds_secret("train.py", text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "token: ${TOKEN}\n",
        "password:\napi_key: ''\n",
        "token: <yours>\n",
        "secret: null\n",
    ],
)
def test_places_for_secrets_are_not_taken_for_them(text: str) -> None:
    assert not holds_secret("conf.yaml", text.encode())


def test_secrets_in_the_cells_of_a_notebook_are_masked() -> None:
    cells = [
        "",
        "api_key = 'c4nary'\nx = 1",
        f"login('{HUGGING_FACE}')",
        "%env TOKEN=c4nary",
        "os.environ['API_KEY']='c4nary'; os.environ[\"API_KEY\"] = \"c4nary\"",
    ]
    shell = SimpleNamespace(user_ns={"In": cells, "Out": {1: "c4nary"}})

    file = capture_notebook(shell)

    assert file is not None
    assert b"c4nary" not in file.content
    assert HUGGING_FACE.encode() not in file.content
    assert json.loads(file.content)["cells"][0]["source"][1] == "x = 1"


# Commits that no remote has -----------------------------------------------------------


def keep_commits(
    work: Repository, config: str | None = None
) -> tuple[bytes, list[str]]:
    """Return all that is kept of a run, unpacked, and what is said of its commits."""
    captured = capture(work, config=config)
    commits = capture_commits(captured.code)
    heap = seen(captured) + msgspec.json.encode(commits.part)
    for file in commits.files:
        # What is packed is not seen by looking at it.
        holder = make_repository(work.root.parent / f"holder{len(heap)}")
        if file.name.endswith(".pack"):
            holder.git("index-pack", "--stdin", input_=file.content)
        else:
            bare = str(work.root.parent / "bare.git")
            holder.git("fetch", "-q", bare, "+refs/heads/*:refs/bare/*")
            path = holder.write("kept.bundle", file.content)
            holder.git("fetch", "-q", str(path), "HEAD")
        heap += holder.git("cat-file", "--batch", "--batch-all-objects").encode()
    assert (commits.part.bundle is None) == (not commits.files)
    return heap, [gap.reason for gap in commits.missing if gap.what == "code.bundle"]


@pytest.fixture(params=["a remote", "no remote"])
def unpushed(request: pytest.FixtureRequest, work: Repository) -> Repository:
    if request.param == "a remote":
        work.push_to(work.root.parent / "bare.git")
    return work


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("c.toml", 'password = "c4nary"\n', "looks like a secret"),
        ("train.py", f"KEY = '{GITHUB}'\n", "looks like a secret"),
        ("id_rsa", "c4nary\n", "its name says"),
        ("deep/.env", "DEBUG=c4nary\n", "its name says"),
    ],
)
def test_commits_that_bring_a_secret_are_not_kept_and_it_is_named(
    name: str, content: str, reason: str, unpushed: Repository
) -> None:
    unpushed.write(name, content)
    unpushed.commit()

    heap, missing = keep_commits(
        unpushed, config="c.toml" if name == "c.toml" else None
    )

    assert b"c4nary" not in heap
    assert GITHUB.encode() not in heap
    (said,) = missing
    assert f"'{name}'" in said
    assert reason in said
    assert "take that out of its history, or" in said
    assert "push it" in said


def test_a_secret_that_left_before_the_last_commit_is_still_in_the_commits(
    work: Repository,
) -> None:
    work.push_to(work.root.parent / "bare.git")
    work.write("c.toml", 'password = "c4nary"\n')
    work.commit()
    work.git("checkout", "-q", "-b", "side", "HEAD~1")
    work.write("new.py", "x = 1\n")
    work.commit()
    work.git("merge", "-q", "main")
    (work.root / "c.toml").unlink()
    work.commit()

    heap, (said,) = keep_commits(work)

    assert b"c4nary" not in heap
    assert "'c.toml'" in said


def test_a_secret_in_a_message_is_in_the_commits(unpushed: Repository) -> None:
    unpushed.commit(f"use {GITHUB}")

    heap, (said,) = keep_commits(unpushed)

    assert GITHUB.encode() not in heap
    assert "message" in said


def test_what_is_pushed_is_not_looked_at_and_other_commits_are_kept(
    work: Repository,
) -> None:
    work.write("c.toml", 'password = "c4nary"\n')
    work.write(".env", "c4nary")
    work.commit()
    work.push_to(work.root.parent / "bare.git")
    work.write("a b.py", "kept = 1\n")
    work.commit()

    captured = capture(work)
    commits = capture_commits(captured.code)

    assert commits.missing == ()
    assert [file.name for file in commits.files] == ["code.bundle"]


def test_commits_with_more_than_is_looked_through_are_not_kept(
    unpushed: Repository,
) -> None:
    unpushed.write("large.txt", "x" * 2000)
    unpushed.commit()
    code = capture(unpushed).code

    one = capture_commits(code, limits=Limits(diff_file_bytes_max=1999))
    together = capture_commits(code, limits=Limits(diff_bytes_max=1999))

    assert (one.files, together.files) == ((), ())
    assert "'" in one.missing[0].reason
    assert "larger than 1999 B" in one.missing[0].reason
    assert "together are larger than 1999 B" in together.missing[0].reason


# Values of variables in the log -------------------------------------------------------


def logged(text: str, environ: dict[str, str]) -> str:
    kept: list[str] = []
    log = OutputLog(kept.append, find_secrets(environ))
    log.take(text.encode())
    log.finish()
    return "".join(kept)


def test_the_value_of_a_secret_variable_is_masked_wherever_it_stands() -> None:
    environ = {"DB_PASSWORD": "c4nary-c4nary", "PWD": "no-path-c4nary"}

    assert logged("a c4nary-c4naryb no-path-c4nary\n", environ) == "a ***b ***\n"


def test_where_something_lies_is_no_secret(tmp_path: Path) -> None:
    """`pwd` printed three stars, and so did each line of a traceback."""
    key = tmp_path / "id_rsa"
    key.write_text("c4nary")
    environ = {
        "PWD": str(tmp_path),
        "OLDPWD": "/gone/long/ago",
        "SSH_KEY": str(key),
        "GOOGLE_APPLICATION_CREDENTIALS": str(key),
        "SSH_AUTH_SOCK": "/tmp/ssh-x/agent.1",
        "TLS_KEY_FILE": "/etc/tls/key-of-the-host",
    }
    text = f'File "{tmp_path}/f.py", {key}\n' + "\n".join(environ.values()) + "\n"

    assert logged(text, environ) == text


def test_a_secret_that_looks_like_a_path_is_masked() -> None:
    environ = {"API_KEY": "/c4nary/K7MDENG/bPxRfiCY"}

    assert logged("/c4nary/K7MDENG/bPxRfiCY\n", environ) == "***\n"


@pytest.mark.parametrize("value", ["", "x", "1", "true", "enabled"])
def test_short_values_would_mask_everything(value: str) -> None:
    text = "x is true, 1 is enabled\n"

    assert logged(text, {"AUTH": value, "MY_TOKEN": value}) == text


# Rules -------------------------------------------------------------------------------


@given(st.text())
def test_masking_twice_masks_nothing_more(text: str) -> None:
    once = mask_text(text)

    assert mask_text(once) == once


@given(st.from_regex(r"[A-Za-z0-9+/]{4,40}", fullmatch=True), st.sampled_from(SHAPED))
def test_a_shape_is_found_between_whatever_stands_around_it(
    around: str, secret: str
) -> None:
    assert secret not in mask_text(f"{around} {secret} {around}")
    assert secret not in mask_text(f'{around}("{secret}"){around}')


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://ann:pw@host/x.git", "https://host/x.git"),
        ("https://conda.anaconda.org/t/tk-123/main", "https://conda.anaconda.org/main"),
        ("ssh://git@host:22/x", "ssh://git@host:22/x"),
        ("git@github.com:ann/x.git", "git@github.com:ann/x.git"),
        ("/srv/git/x.git", "/srv/git/x.git"),
        ("https://host/x?access_token=abc&y=1", "https://host/x?access_token=***&y=1"),
    ],
)
def test_a_url_still_names_where_to_fetch_from(url: str, masked: str) -> None:
    assert mask_url(url) == masked


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWD", "apiKey", "hf_token", "client-secret"]
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "tokenizer",
        "max_tokens",
        "pad_token",
        "sort_key",
        "author",
        "password_file",
        "",
        ".",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not is_secret_name(name)

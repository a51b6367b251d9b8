"""Runs from Python: `with`, as a decorator, by start and end, and what ends them."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import fsspec
import lakebed.client
import pytest
from lakebed.client import (
    AsyncLake,
    ClientError,
    InvalidRequestError,
    Lake,
    NotFoundError,
    Repository,
    Run,
    UnauthenticatedError,
    connect,
    current_run,
)
from lakebed.client.wire import Run as Known

from support.numbers import Scalar, Whole
from support.s3server import ADMIN, ADMIN_ENVIRONMENT, ServerProcess, run_server


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run where there is no Git, and leave nothing in the user's folders."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)


def as_run_of(options: dict[str, str]) -> Lake:
    return connect(
        options["server"],
        access_key_id=options["access_key_id"],
        secret_access_key=options["secret_access_key"],
    )


def known(run: Run) -> Known:
    assert run.result is not None
    return run.result


def test_a_run_has_what_was_logged_in_it(lake: Lake, repository: Repository) -> None:
    with lake.run("baseline", repository="penguins", params={"depth": 3}) as run:
        assert current_run() is run
        assert run.status == "running"
        run.log_params({"lr": 0.1, "path": Path("a/b"), "api_key": "canary-of-ann"})
        for step in range(10):
            run.log_metric("loss", 1 / (step + 1), step=step)
        run.log_metrics({"auc": 0.5, "f1": 1})
        run.log("a line")
        run.keep(b"<svg/>", "plot.svg")

    assert current_run() is None
    found = known(run)
    assert (found.status, found.exit_code) == ("succeeded", 0)
    assert found.experiment == "baseline"
    assert found.params == {"depth": 3, "lr": 0.1, "path": "a/b", "api_key": "***"}
    counts = {each.name: (each.count, each.last) for each in found.metrics}
    assert counts == {"loss": (10, 0.1), "auc": (1, 0.5), "f1": (1, 1.0)}
    assert lake.client.read_run_log("penguins", run.id) == "a line\n"
    assert lake.client.read_run_file("penguins", run.id, "plot.svg") == b"<svg/>"
    points = lake.client.get_run_metrics("penguins", run.id, "loss")
    assert points.steps == list(range(10))
    assert "canary" not in lake.client.get_run_record("penguins", run.id).decode(
        errors="replace"
    )


@pytest.mark.parametrize(
    ("error", "status", "code", "said"),
    [
        (ValueError("no good"), "failed", 1, "ValueError: no good\n"),
        (SystemExit(3), "failed", 3, "SystemExit: 3\n"),
        (SystemExit("no data"), "failed", 1, "no data\n"),
        (SystemExit(0), "succeeded", 0, ""),
        (KeyboardInterrupt(), "interrupted", 130, "KeyboardInterrupt\n"),
    ],
)
def test_an_exception_is_how_the_run_ended(
    lake: Lake,
    repository: Repository,
    error: BaseException,
    status: str,
    code: int,
    said: str,
) -> None:
    with pytest.raises(type(error)), lake.run(repository="penguins") as run:
        raise error

    assert (known(run).status, known(run).exit_code) == (status, code)
    assert lake.client.read_run_log("penguins", run.id) == said


def test_each_call_of_a_decorated_function_is_a_run(
    lake: Lake, repository: Repository
) -> None:
    @lake.run(repository="penguins", params={"kind": "tree"})
    def train(depth: int, rate: float = 0.5, data: object = None) -> str:
        run = current_run()
        assert run is not None
        run.log_metric("depth", depth)
        return run.id

    first, second = train(3, data=[1, 2]), train(depth=4)

    assert first != second
    found = lake.client.get_run(second)
    assert found.experiment == "train"
    assert found.params == {"kind": "tree", "depth": 4, "rate": 0.5, "data": None}
    assert lake.client.get_run(first).params["data"] == "[1, 2]"


async def test_a_coroutine_can_be_decorated_as_well(async_lake: AsyncLake) -> None:
    await async_lake.create_repository("penguins")

    @async_lake.run(repository="penguins")
    async def train(depth: int) -> str:
        run = current_run()
        assert run is not None
        return run.id

    name = await train(3)

    assert (await async_lake.client.get_run(name)).params == {"depth": 3}


async def test_runs_of_tasks_beside_each_other_are_kept_apart(
    async_lake: AsyncLake,
) -> None:
    await async_lake.create_repository("penguins")
    both = asyncio.Barrier(2)

    async def work(number: int) -> str:
        async with async_lake.run(repository="penguins") as run:
            await both.wait()
            assert current_run() is run
            run.log_param("number", number)
        return run.id

    names = await asyncio.gather(work(0), work(1))

    for number, name in enumerate(names):
        found = await async_lake.client.get_run(name)
        assert found.params == {"number": number}
        assert found.parent is None


def test_a_run_in_a_run_is_its_child(lake: Lake, repository: Repository) -> None:
    with lake.run(repository="penguins") as outer:
        with lake.run(repository="penguins") as inner:
            assert current_run() is inner
        assert current_run() is outer

    assert known(inner).parent == outer.id
    assert known(outer).parent is None


def test_a_run_in_a_run_is_in_its_repository(
    lake: Lake, repository: Repository
) -> None:
    with lake.run("outer", repository="penguins") as outer, lake.run("inner") as inner:
        pass

    assert inner.repository == "penguins"
    assert known(inner).parent == outer.id


def test_what_end_returns_is_one_line(lake: Lake, repository: Repository) -> None:
    run = lake.run("a<b", repository="penguins").start()
    ended = run.end()

    assert repr(ended) == f"<run {run.id[:12]} of 'a<b': succeeded, grade D>"
    assert "a&lt;b" in known(run)._repr_html_()  # pyright: ignore[reportPrivateUsage]


def test_arguments_of_every_kind_are_parameters_or_missing(
    lake: Lake, repository: Repository
) -> None:
    @lake.run(repository="penguins")
    def train(depth: Any, *rest: Any, **more: Any) -> str:
        run = current_run()
        assert run is not None
        return run.id

    name = train(Scalar(3), 1, "b", options={"lr": 0.1, "api_key": "x"}, data=object())

    found = lake.client.get_run(name)
    assert found.params == {
        "depth": 3,
        "rest": '[1, "b"]',
        "options.lr": 0.1,
        "options.api_key": "***",
    }
    reasons = [each.reason for each in found.missing if "params" in each.what]
    assert reasons == ["argument 'data' is a 'object', and no plain value"]


def test_an_argument_that_no_parameter_can_be_does_not_stop_the_call(
    lake: Lake, repository: Repository
) -> None:
    @lake.run(repository="penguins")
    def train(prompt: str, seeds: list[int], big: int) -> str:
        run = current_run()
        assert run is not None
        return run.id

    found = lake.client.get_run(train("x" * 20_000, list(range(5000)), 2**64))

    assert found.params == {}
    assert len([each for each in found.missing if "params" in each.what]) == 3


def test_a_generator_is_not_decorated(lake: Lake) -> None:
    def steps() -> Generator[int]:
        yield 1

    with pytest.raises(TypeError, match="cannot decorate 'steps': a generator"):
        lake.run(repository="penguins")(steps)


def test_a_decorator_without_parentheses_says_what_to_write(lake: Lake) -> None:
    with pytest.raises(TypeError, match=r"write '@run\(\)'"):
        lake.run(_here)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("code", [True, 2**64 + 1, Whole(1)])
def test_an_exit_code_of_any_kind_is_a_plain_number(
    lake: Lake, repository: Repository, code: int
) -> None:
    with pytest.raises(SystemExit), lake.run(repository="penguins") as run:
        raise SystemExit(code)

    assert (known(run).status, known(run).exit_code) == ("failed", 1)


def test_half_characters_do_not_stop_a_run(lake: Lake, repository: Repository) -> None:
    with lake.run(
        "e\udc80", repository="penguins", params={"p\udc80": "v\udc80"}
    ) as run:
        run.log("l\udc80")
        run.log_metric("m\udc80", 1.0)
        run.keep(b"x", "f\udc80")
        run.end(message="m\udc80")

    found = known(run)
    assert found.experiment == "e\\udc80"
    assert found.params == {"p\\udc80": "v\\udc80"}
    assert [each.name for each in found.metrics] == ["m\\udc80"]
    assert "f\\udc80" in [each.name for each in found.files]
    assert lake.client.read_run_log("penguins", run.id) == "l\\udc80\n"


def test_a_file_is_not_kept_under_a_name_that_no_server_takes(
    lake: Lake, repository: Repository
) -> None:
    with (
        lake.run(repository="penguins") as run,
        pytest.raises(InvalidRequestError, match="name of a kept file"),
    ):
        run.keep(b"x", "a\nb")


def test_a_notebook_starts_and_ends_a_run(lake: Lake, repository: Repository) -> None:
    run = lake.run("notebook", repository="penguins").start()
    assert current_run() is run
    assert "running" in str(run)
    ended = run.end("failed")

    assert ended is not None
    assert ended.status == run.status == "failed"
    with pytest.raises(RuntimeError, match="has ended"):
        run.log_metric("loss", 1)
    with pytest.raises(RuntimeError, match="begun before"):
        run.start()


def test_what_is_asked_too_early_says_what_to_do(lake: Lake) -> None:
    run = lake.run("baseline", repository="penguins")

    with pytest.raises(RuntimeError, match="has not begun"):
        run.log_metric("loss", 1)
    with pytest.raises(RuntimeError, match="has not begun"):
        _ = run.id
    with pytest.raises(NotFoundError, match="'penguins'"):
        run.start()
    with pytest.raises(InvalidRequestError, match="name its repository"):
        lake.run("baseline").start()
    with pytest.raises(InvalidRequestError, match="no address"):
        lake.run("baseline", inputs=["penguins/main"])
    assert current_run() is None


def test_what_is_no_number_is_no_metric(lake: Lake, repository: Repository) -> None:
    with lake.run(repository="penguins") as run:
        with pytest.raises(TypeError, match="'loss' must be a number, not str"):
            run.log_metric("loss", "high")  # type: ignore[arg-type]
        run.log_metric("loss", 10**400)

    assert [each.last for each in known(run).metrics] == ["inf"]


def test_an_input_is_pinned_and_can_be_a_file(
    lake: Lake, repository: Repository, tmp_path: Path
) -> None:
    main = repository.branch("main")
    main.upload("birds.csv", b"first")
    first = main.commit("First")
    with lake.run(inputs=["lakebed://penguins/main/birds.csv"]) as run:
        main.upload("birds.csv", b"second")
        main.commit("Second")
        read = run.input("lakebed://penguins/main/birds.csv", "data/birds.csv")

        assert read.commit == first.id
        assert read.address == f"lakebed://penguins/{first.id}/birds.csv"
        assert Path("data/birds.csv").read_bytes() == b"first"
        with pytest.raises(NotFoundError):
            run.input("lakebed://penguins/main/none.csv")
        Path("data/birds.csv").write_bytes(b"other")
        with pytest.raises(InvalidRequestError, match="is there and differs"):
            run.input("lakebed://penguins/main/birds.csv", "data/birds.csv")

    declared = {(each.path, each.commit) for each in known(run).inputs}
    assert declared == {("birds.csv", first.id)}


def test_outputs_are_published_as_one_commit_when_the_run_succeeds(
    lake: Lake, repository: Repository
) -> None:
    main = repository.branch("main")
    Path("model").mkdir()
    Path("model/weights.txt").write_text("1")
    Path("report.md").write_text("good")
    outputs = {"report.md": "lakebed://penguins/main/made/"}
    with lake.run("baseline", outputs=outputs) as run:
        where = run.output("model", "lakebed://penguins/main/made/model")

        assert where == "lakebed://penguins/main/made/model/"
        assert not main.exists("made/model/weights.txt")

    assert main.read("made/model/weights.txt") == b"1"
    assert main.read("made/report.md") == b"good"
    assert len(list(main.log())) == 2
    assert {each.path for each in known(run).outputs if each.how == "declared"} == {
        "made/",
        "made/model/",
        "made/report.md",
    }

    with pytest.raises(ZeroDivisionError), lake.run(repository="penguins") as failed:
        failed.output("report.md", "lakebed://penguins/main/again.md")
        _ = 1 / 0
    assert not main.exists("again.md")
    with (
        pytest.raises(InvalidRequestError, match=r"'none\.md' is not there"),
        lake.run(outputs={"none.md": "lakebed://penguins/main/none.md"}) as missing,
    ):
        pass
    assert missing.status == "failed"


def test_the_key_of_a_run_reads_as_the_run_and_ends_with_it(
    lake: Lake, repository: Repository
) -> None:
    repository.branch("main").upload("birds.csv", b"1")
    repository.branch("main").commit("Add")
    with lake.run(repository="penguins") as run:
        options = run.storage_options
        with as_run_of(options) as as_run:
            main = as_run.repository("penguins").branch("main")
            assert main.read("birds.csv") == b"1"
        assert run.environment["LAKEBED_RUN_ID"] == run.id
        assert run.s3_options["endpoint_url"] == options["server"]

    assert ("birds.csv", "observed") in {
        (each.path, each.how) for each in known(run).inputs
    }
    with as_run_of(options) as later, pytest.raises(ClientError):
        later.repositories().collect()


def test_what_is_done_with_the_lake_of_a_run_is_recorded_and_published(
    lake: Lake, repository: Repository
) -> None:
    main = repository.branch("main")
    main.upload("birds.csv", b"1")
    first = main.commit("Add")
    with lake.run(repository="penguins") as run:
        main.upload("birds.csv", b"2")
        main.commit("Change")
        as_run = run.lake.repository("penguins").branch("main")
        as_run.upload("sum.txt", as_run.read("birds.csv") + b"!")
        assert as_run.read("sum.txt") == b"1!"
        assert not main.exists("sum.txt")

    assert main.read("sum.txt") == b"1!"
    read = {(each.path, each.commit, each.how) for each in known(run).inputs}
    assert read == {("birds.csv", first.id, "observed")}
    assert [each.path for each in known(run).outputs] == ["sum.txt"]


async def test_the_same_with_await(async_lake: AsyncLake) -> None:
    main = (await async_lake.create_repository("penguins")).branch("main")
    async with async_lake.run(repository="penguins") as run:
        await run.lake.repository("penguins").branch("main").upload("a", b"1")

    assert await main.read("a") == b"1"


def test_what_fsspec_does_meanwhile_belongs_to_the_run(
    lake: Lake, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAKEBED_SERVER", lake.server)
    main = repository.branch("main")
    main.upload("birds.csv", b"1")
    main.commit("Add")
    with (
        lake.run(repository="penguins") as run,
        fsspec.open("lakebed://penguins/main/birds.csv") as read,
    ):
        with fsspec.open("lakebed://penguins/main/copy.csv", "wb") as written:
            written.write(read.read())
        assert not main.exists("copy.csv")

    assert main.read("copy.csv") == b"1"
    assert [each.path for each in known(run).inputs] == ["birds.csv"]


def test_at_the_port_of_a_directory_nobody_is_let_in_but_a_run(
    lake: Lake, repository: Repository
) -> None:
    with lake.run(repository="penguins") as run:
        url = run.storage_options["server"]
        assert url.startswith("http://127.0.0.1:")
        with connect(url) as stranger, pytest.raises(UnauthenticatedError):
            stranger.client.check_health()
        with connect(url) as stranger, pytest.raises(UnauthenticatedError):
            stranger.repositories().collect()


def test_a_seed_is_set_and_recorded(lake: Lake, repository: Repository) -> None:
    import random

    with lake.run(repository="penguins", seed=11) as run:
        first = random.random()
    with lake.run(repository="penguins", seed=11):
        assert random.random() == first

    assert known(run).seeds["seed"] == 11


def test_a_run_in_a_directory_that_is_left_open_is_ended_as_well(
    directory: Path, repository: Repository
) -> None:
    source = (
        "import sys, lakebed.client as lake\n"
        "run = lake.connect(sys.argv[1]).run(repository='penguins').start()\n"
        "run.log_metric('loss', 1.0); run.keep(b'<svg/>', 'plot.svg'); print(run.id)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source, str(directory / "lake")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (done.returncode, done.stderr) == (0, "")
    found = repository.lake.client.get_run(done.stdout.strip())
    assert found.status == "interrupted"
    assert [each.count for each in found.metrics] == [1]
    assert "plot.svg" in [each.name for each in found.files]


# In processes of their own --------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[ServerProcess]:
    with run_server(tmp_path_factory.mktemp("runs") / "lake") as running:
        with as_admin(running.url) as opened:
            opened.create_repository("penguins")
        yield running


def as_admin(url: str) -> Lake:
    return connect(url, access_key_id=ADMIN.id, secret_access_key=ADMIN.secret)


def execute(server: ServerProcess, source: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", f"import lakebed.client as lake\n{source}"],
        env={**os.environ, **ADMIN_ENVIRONMENT, "LAKEBED_SERVER": server.url},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("source", "status", "code"),
    [
        ("run = lake.run(repository='penguins').start(); print(run.id)", None, 0),
        (
            "run = lake.run(repository='penguins').start(); print(run.id); 1 / 0",
            "failed",
            1,
        ),
        ("with lake.run(repository='penguins') as run: print(run.id)", "succeeded", 0),
        (
            "with lake.run(repository='penguins') as run: print(run.id); exit(4)",
            "failed",
            4,
        ),
    ],
    ids=["left open", "left open by an exception", "with", "with and exit"],
)
def test_a_process_that_ends_ends_its_run(
    server: ServerProcess, source: str, status: str | None, code: int
) -> None:
    done = execute(server, source)

    assert done.returncode == code, done.stderr
    assert "lakebed:" not in done.stderr
    with as_admin(server.url) as lake:
        found = lake.client.get_run(done.stdout.strip())
    assert found.status == (status or "interrupted")


CHILDREN = {
    "processes": """
    several = [m.Process(target=work, args=(n,)) for n in range(3)]
    [each.start() for each in several]; [each.join() for each in several]
    assert [each.exitcode for each in several] == [0, 0, 0]
""",
    "pool": """
    with m.Pool(2) as pool: pool.map(work, range(3))
""",
    "executor": """
    with ProcessPoolExecutor(2, m) as pool: list(pool.map(work, range(3)))
""",
    "fork": """
    for n in range(3):
        if os.fork() == 0:
            work(n)
            sys.exit(7)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 7
""",
    "flush": """
    for n in range(3):
        if os.fork() == 0:
            work(n)
            run.flush()
            os._exit(0)
        os.wait()
""",
    "terminated": """
    each = m.Process(target=wait)
    each.start(); ready.get(); each.terminate(); each.join()
    assert each.exitcode == -15
""",
}


@pytest.mark.parametrize("children", CHILDREN.values(), ids=CHILDREN)
def test_what_a_forked_child_logged_last_arrives(
    server: ServerProcess, children: str
) -> None:
    done = execute(
        server,
        "import multiprocessing, os, sys, time\n"
        "from concurrent.futures import ProcessPoolExecutor\n"
        "m = multiprocessing.get_context('fork')\n"
        "ready = m.Queue()\n"
        "def work(number):\n"
        "    run = lake.current_run()\n"
        "    run.log_metric('loss', number, step=number)\n"
        "    run.log(str(number))\n"
        "def wait():\n"
        "    for number in range(3): work(number)\n"
        "    ready.put(1); time.sleep(100)\n"
        f"with lake.run(repository='penguins') as run:{children}"
        "print(run.id)\n",
    )

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    with as_admin(server.url) as lake:
        name = done.stdout.strip()
        points = lake.client.get_run_metrics("penguins", name, "loss")
        assert sorted(points.steps) == [0, 1, 2]
        log = lake.client.read_run_log("penguins", name)
        assert sorted(log.split()) == ["0", "1", "2"]
        assert lake.client.get_run(name).status == "succeeded"


def test_what_a_killed_child_logged_arrives_also_if_nobody_ends_the_run(
    server: ServerProcess,
) -> None:
    done = execute(
        server,
        "import multiprocessing\n"
        "def work(number): lake.current_run().log_metric('loss', number, step=number)\n"
        "run = lake.run(repository='penguins').start()\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool:\n"
        "    pool.map(work, range(3))\n"
        "print(run.id)\n",
    )

    assert (done.returncode, done.stderr) == (0, "")
    with as_admin(server.url) as lake:
        found = lake.client.get_run(done.stdout.strip())
    assert found.status == "interrupted"
    assert [each.count for each in found.metrics] == [3]


def test_a_child_that_leaves_the_block_of_its_parent_does_not_end_the_run(
    server: ServerProcess,
) -> None:
    done = execute(
        server,
        "import os\n"
        "with lake.run(repository='penguins') as run:\n"
        "    child = os.fork()\n"
        "    if child:\n"
        "        os.waitpid(child, 0)\n"
        "        assert lake.connect().client.get_run(run.id).status == 'running'\n"
        "    run.log_metric('loss', 1.0)\n"
        "print(run.id)\n",
    )

    assert done.returncode == 0, done.stderr
    (name,) = set(done.stdout.split())
    with as_admin(server.url) as lake:
        found = lake.client.get_run(name)
    assert found.status == "succeeded"
    assert [each.count for each in found.metrics] == [2]


def test_what_was_left_behind_is_sent_by_the_next_run(server: ServerProcess) -> None:
    killed = execute(
        server,
        "import os, signal\n"
        "run = lake.run(repository='penguins').start()\n"
        "run.log_metric('loss', 1.0)\n"
        "run._running._outbox.collect()\n"
        "print(run.id, flush=True)\n"
        "os.kill(os.getpid(), 9)\n",
    )
    name = killed.stdout.strip()
    again = execute(server, "with lake.run(repository='penguins') as run: pass")

    assert again.returncode == 0, again.stderr
    with as_admin(server.url) as lake:
        found = lake.client.get_run(name)
    assert [(each.name, each.count) for each in found.metrics] == [("loss", 1)]
    assert found.status == "running"


def test_importing_the_client_does_not_wait_for_runs() -> None:
    names = "[name for name in sys.modules if name.startswith('lakebed.client.')]"
    source = "import json, sys, lakebed.client as lake; lake.connect; lake.Lake; "
    done = subprocess.run(
        [sys.executable, "-c", f"{source}print(json.dumps({names}))"],
        capture_output=True,
        text=True,
        check=True,
    )

    loaded = json.loads(done.stdout)
    assert "lakebed.client.runs.recorder" not in loaded
    assert not [name for name in loaded if name.startswith("lakebed.client.capture")]
    assert lakebed.client.run is not None

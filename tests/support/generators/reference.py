"""Write `docs/python.md`, the reference of the Python client, from its docstrings.

`python3 tasks.py docs` runs it; a test compares what it would write with what is there.
The code is read, not run: what stands in the reference is what stands in the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import griffe

ROOT = Path(__file__).resolve().parents[3]
CLIENT = ROOT / "client"
PAGE = ROOT / "docs" / "python.md"

HANDLES = (
    ("lake.py", "Lake"),
    ("repository.py", "Repository"),
    ("ref.py", "Ref"),
    ("ref.py", "Tag"),
    ("writing.py", "Writable"),
    ("branch.py", "Branch"),
    ("transaction.py", "Transaction"),
    ("model.py", "Model"),
    ("listing.py", "Listing"),
)
VALUES = (
    "Commit",
    "Change",
    "Conflict",
    "ObjectInfo",
    "Move",
    "Size",
    "Measured",
    "Rows",
)
FLAT = (
    "repositories",
    "refs",
    "history",
    "pinning",
    "objects",
    "bulk",
    "folders",
    "transactions",
    "people",
    "runs",
    "models",
)

INTERNAL = ("settle", "speaks_for", "end_now")
"""Methods that handles have for each other."""

HEAD = """# The Python client

<!-- Made from the docstrings by `python3 tasks.py docs`: change those. -->

`lakebed.client` is two clients with one interface: a blocking one, which this page shows,
and one for asyncio. There every name of a class begins with `Async`, `connect` is
`connect_async`, what asks the server is awaited, and listings and files are used with
`async for` and `async with`. [tour.ipynb](tour.ipynb) shows it at work on a table.

```python
import lakebed.client

lake = lakebed.client.connect()
main = lake.repository("penguins").branch("main")

with main.transaction("Clean the table") as tx:
    with tx.open("penguins.csv") as table:
        rows = table.readlines()
    with tx.open("penguins.csv", "w") as table:
        table.writelines(line for line in rows if "NA" not in line)

print(tx.commit)
```

**Handles** (lake, repository, ref, branch, tag, model) are names with methods: to make one asks
nobody, two that name the same are equal, and they are pickled by server and name, never
with a key. **What is sent again** after a broken connection is what cannot happen twice by
that: reads, writes of the same bytes, and whatever makes a commit, a branch or a tag, which
carries a key. **One client** may be used by several threads, inside of a running event loop
(a notebook) and, if its server is an URL, after a fork.
"""


RUNS = """`lake.run(...)` makes one; [runs.md](runs.md) is the page about them. What only logs
(`log_params`, `log_metric`, `log` ...) waits for nobody, and needs no `await` in an `AsyncRun`.
"""


def load(path: str) -> griffe.Module:
    """Return the module of the client at `path`, parsed."""
    file = CLIENT / path
    module = griffe.visit(
        path.removesuffix(".py").replace("/", "."),
        filepath=file,
        code=file.read_text(),
        docstring_parser=griffe.Parser.google,
    )
    assert isinstance(module, griffe.Module)
    return module


def make_page() -> str:
    """Return what the page should hold."""
    lines = [HEAD, "## Begin\n"]
    begin = load("connecting.py")
    for name in ("connect", "connect_async"):
        lines += of_function(begin.functions[name], "###")
    lines.append("## Handles\n")
    for path, name in HANDLES:
        lines += of_class(load(f"blocking/handles/{path}").classes[name])
    lines.append("## Runs\n")
    lines.append(RUNS)
    for path, name in (
        ("runs/here.py", "run"),
        ("runs/current.py", "current_run"),
        ("seeding.py", "seed_everything"),
    ):
        lines += of_function(load(path).functions[name], "###")
    lines += of_class(load("runs/recording.py").classes["Recording"])
    lines += of_class(load("runs/run.py").classes["Run"])
    lines += of_value(load("runs/recording.py").classes["RunInput"])
    lines.append("## Values\n")
    values = load("values.py")
    for name in VALUES:
        lines += of_value(values.classes[name])
    lines.append("## Proofs\n")
    proofs = load("proofs.py")
    lines += of_value(proofs.classes["Proof"])
    lines += of_function(proofs.functions["verify_proof"], "###")
    lines.append("## Errors\n")
    errors = load("errors.py")
    assert errors.docstring is not None
    tree = errors.docstring.value.split("\n\n", 1)[1]
    lines.append(f"All are in `lakebed.client`.\n\n{tree}\n")
    lines.append("## The flat client\n")
    lines.append(
        "`Client` and `AsyncClient`, with every operation of the REST API there is a "
        "use for; `lake.client` is the one behind a lake. Handles are made of these.\n"
    )
    lines += ["| method | |", "|---|---|"]
    for stem in FLAT:
        lines += of_flat(load(f"operations/{stem}.py"))
    return "\n".join(lines).rstrip() + "\n"


def of_class(found: griffe.Class) -> Iterator[str]:
    """Yield the section of a class of handles."""
    bases = [str(base) for base in found.bases if "Generic" not in str(base)]
    yield f"### {found.name}\n"
    if bases:
        yield f"Has all that `{bases[0]}` has.\n"
    yield from prose(found, skip=())
    for name, member in found.members.items():
        if name.startswith("_") or name in INTERNAL:
            continue
        if isinstance(member, griffe.Function):
            yield from of_function(member, "####", owner=found.name)
        elif isinstance(member, griffe.Attribute) and "property" in member.labels:
            yield f"#### {found.name}.{name}\n"
            yield from prose(member, skip=())


def of_function(
    found: griffe.Function, level: str, *, owner: str = ""
) -> Iterator[str]:
    """Yield the section of a function or method."""
    name = f"{owner}.{found.name}" if owner else found.name
    yield f"{level} {name}\n"
    yield f"```python\n{signature(found)}\n```\n"
    yield from prose(found, skip=())


def of_value(found: griffe.Class) -> Iterator[str]:
    """Yield the section of a value: what it has."""
    yield f"### {found.name}\n"
    yield from prose(found, skip=())
    fields = [
        member
        for name, member in found.members.items()
        if isinstance(member, griffe.Attribute) and not name.startswith("_")
    ]
    for each in fields:
        words = f": {one_line(each.docstring.value)}" if each.docstring else ""
        kind = f" (`{each.annotation}`)" if each.annotation is not None else ""
        yield f"- `{each.name}`{kind}{words}"
    yield ""


def of_flat(module: griffe.Module) -> Iterator[str]:
    """Yield a row for each operation of a module of the flat client."""
    for found in module.classes.values():
        if not found.name.endswith("Operations"):
            continue
        for name, member in found.members.items():
            if name.startswith("_") or not isinstance(member, griffe.Function):
                continue
            first = member.docstring.value.split("\n\n")[0] if member.docstring else ""
            yield f"| `{name}` | {one_line(first)} |"


def prose(found: griffe.Object, *, skip: tuple[str, ...]) -> Iterator[str]:
    """Yield the docstring as Markdown, without the sections to `skip`."""
    if found.docstring is None:
        return
    for section in found.docstring.parsed:
        match section:
            case griffe.DocstringSectionText():
                yield fence_examples(section.value) + "\n"
            case griffe.DocstringSectionParameters() if "args" not in skip:
                for each in section.value:
                    yield f"- `{each.name}`: {one_line(each.description)}"
                yield ""
            case griffe.DocstringSectionRaises():
                yield "Raises:\n"
                for error in section.value:
                    yield f"- `{error.annotation}`: {one_line(error.description)}"
                yield ""
            case _:
                pass


def fence_examples(text: str) -> str:
    """Return `text` with its indented examples as Python."""
    block = re.compile(r"(?:^|\n\n)((?: {4}.*(?:\n|$)|\n(?= {4}))+)")

    def fence(found: re.Match[str]) -> str:
        code = "\n".join(line[4:] for line in found[1].rstrip().splitlines())
        return f"\n\n```python\n{code}\n```\n"

    return block.sub(fence, text)


def signature(found: griffe.Function) -> str:
    """Return the signature, on one line or one parameter a line."""
    words = [each for each in parameters(found) if not each.startswith(("self", "cls"))]
    returns = f" -> {found.returns}" if found.returns is not None else ""
    line = f"{found.name}({', '.join(words)}){returns}"
    if len(line) <= 88:
        return line
    inner = "".join(f"    {each},\n" for each in words)
    return f"{found.name}(\n{inner}){returns}"


def parameters(found: griffe.Function) -> Iterator[str]:
    """Yield the parameters as they are written."""
    seen_star = False
    for each in found.parameters:
        if each.kind is griffe.ParameterKind.keyword_only and not seen_star:
            seen_star = True
            yield "*"
        text = each.name
        if each.annotation is not None:
            text += f": {each.annotation}"
        if each.default is not None:
            text += f" = {each.default}" if each.annotation else f"={each.default}"
        yield text


def one_line(text: str) -> str:
    """Return `text` without its line breaks, fit for a cell."""
    return " ".join(text.split()).replace("|", "\\|")


def main() -> None:
    """Write the page."""
    PAGE.write_text(make_page())


if __name__ == "__main__":
    main()

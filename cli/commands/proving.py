"""`lakebed prove`: what lies at a path of a commit, shown to who trusts no server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..addresses import ObjectAddress, parse_object
from ..asking import ask
from ..exits import ExitCode
from ..output import print_fields, print_json, say
from ..text import escape, format_iso

if TYPE_CHECKING:
    from lakebed.client import AsyncClient, Proof


def register(app: typer.Typer) -> None:
    """Add the commands of this module to `app`."""
    app.command("prove")(prove)


def prove(
    address: options.Object,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Keep the proof in this file", show_default=False
        ),
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option(
            "--check",
            help="Ask no server: check the proof in this file, of a commit by its id",
            show_default=False,
        ),
    ] = None,
    as_document: options.Json = False,
    server: options.Server = None,
) -> None:
    """Prove which object is committed at a path, or that there is none (exit code 3).

    The proof leads from the id of the commit to the object, and is checked here. Whoever
    knows that id can check it again, with --check and no server: REPO/COMMIT/PATH.
    """
    at = parse_object(address)
    if not at.path:
        raise typer.BadParameter(f"'{address}' names no object: give REPO/REF/PATH")
    proof = _ask_for(at, server) if check is None else _check(at, check)
    if output is not None:
        output.write_bytes(proof.document)
    _print(proof, as_document=as_document)
    if proof.object is None:
        say(
            f"error: it is proved that nothing lies at '{escape(proof.path)}' of commit "
            f"'{proof.commit.id}'"
        )
        raise typer.Exit(ExitCode.NOT_FOUND)


def _ask_for(at: ObjectAddress, server: str | None) -> Proof:
    from lakebed.client.proofs import verify_answer

    async def work(lake: AsyncClient) -> Proof:
        body = await lake.prove(at.repository, at.ref, at.path)
        return verify_answer(body, at.ref, at.path)

    return ask(server, work)


def _check(at: ObjectAddress, kept: Path) -> Proof:
    from lakebed.client.proofs import COMMIT_ID, verify_proof

    if not COMMIT_ID.fullmatch(at.ref):
        raise typer.BadParameter(
            f"'{at.ref}' is no whole commit id: without a server no other name means "
            "anything"
        )
    return verify_proof(kept.read_bytes(), at.ref, at.path)


def _print(proof: Proof, *, as_document: bool) -> None:
    found = proof.object
    facts: dict[str, Any] = {
        "path": proof.path,
        "commit_id": proof.commit.id,
        "blob_id": proof.blob_id,
        "size_bytes": None,
        "mtime": None,
        "checksum": None,
        "content_type": None,
        "metadata": None,
    }
    if found is not None and found.modified_at is not None:
        facts |= {
            "size_bytes": found.size_bytes,
            "mtime": int(found.modified_at.timestamp()),
            "checksum": found.etag,
            "content_type": found.content_type,
            "metadata": dict(found.metadata or {}),
        }
    if as_document:
        print_json(facts)
        return
    fields = [("path", proof.path), ("commit", proof.commit.id)]
    if found is not None:
        fields += [
            ("blob id", proof.blob_id or ""),
            ("size", str(found.size_bytes)),
            ("modified", format_iso(facts["mtime"])),
            ("checksum", found.etag),
            ("content type", found.content_type or "-"),
        ]
        metadata = sorted((found.metadata or {}).items())
        fields += [(f"meta {key}", value) for key, value in metadata]
    print_fields(fields)

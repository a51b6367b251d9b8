"""Handlers of `/why` and `/lineage`: what something came from, and what came of it."""

from __future__ import annotations

from lakebed.client import wire

from ...auth.authorize import SOMEWHERE, Permission, is_allowed
from ...provenance import lineage, why
from ...provenance.lineage_nodes import Edge, Graph, Node
from ...provenance.models import VersionView
from ...provenance.subjects import Found, Subject, find_subject
from ...repository.paths import show_path
from ...runs.graph import Artifact, RunTag, Use, VersionTag
from ...runs.rows import RunRow
from ..answers import Shown, answer
from ..call import Call, NoBody
from ..parameters import LineageQuery, WhyQuery
from ..run_shapes import show_run


async def get_why(call: Call[WhyQuery, NoBody]) -> Shown[wire.Why]:
    """Tell what produced a model, a file, or a run's results: the run, with all of it.

    Raises:
        SubjectNotFoundError
        ModelNotFoundError
        ModelVersionNotFoundError
        ObjectNotFoundError
    """
    subject = call.query.subject
    origin = await why.find_origin(call.engine, subject, call.caller)
    view = origin.version
    run = None if origin.details is None else show_run(origin.details)
    return answer(
        wire.Why(
            subject=subject,
            run=run,
            model=None if view is None else view.model.name,
            version=None if view is None else view.version.number,
            aliases=[] if view is None else list(view.aliases),
            output=None if run is None else _find_output(run, origin.output),
            others=list(origin.others),
        )
    )


async def get_lineage(call: Call[LineageQuery, NoBody]) -> Shown[wire.Lineage]:
    """Follow what something came from, or what came of it, through every run.

    Raises:
        SubjectNotFoundError
        ModelNotFoundError
        ModelVersionNotFoundError
        ObjectNotFoundError
    """
    query = call.query
    found = await find_subject(call.engine, query.subject, call.caller)
    graph = await lineage.trace(
        call.engine,
        [_start_of(found)],
        is_up=query.direction == "up",
        depth_max=query.depth,
        nodes_max=query.amount,
        is_shown=lambda repository, model: is_allowed(
            call.principal, Permission.READ, repository, model or SOMEWHERE
        ),
        commit_id=found.commit_id if isinstance(found, Found) else b"",
    )
    return answer(_show_graph(query, graph))


def _start_of(subject: Subject) -> Artifact | RunTag | VersionTag:
    match subject:
        case RunRow() as run:
            return RunTag(
                run.id,
                run.name,
                run.repository,
                run.experiment,
                run.command,
                run.rerun_of,
            )
        case VersionView(model=model, version=version):
            origin = version.origin
            where = "" if origin is None else origin.repository
            artifact = Artifact(
                where, version.path, version.is_prefix, version.identity
            )
            return VersionTag(model.name, version.number, version.run_id, artifact)
        case Found(artifact=artifact):
            return artifact


def _show_graph(query: LineageQuery, graph: Graph) -> wire.Lineage:
    return wire.Lineage(
        subject=query.subject,
        direction=query.direction,
        nodes=[_show_node(node) for node in graph.nodes.values()],
        edges=[_show_edge(edge) for edge in graph.edges],
        is_complete=graph.is_complete,
        is_origin_hidden=graph.is_origin_hidden,
    )


def _show_node(node: Node) -> wire.LineageNode:
    is_artifact = node.kind in ("file", "prefix")
    return wire.LineageNode(
        id=node.id,
        kind=node.kind,
        label=node.label,
        repository=node.repository or None,
        path=show_path(node.path) if is_artifact and node.repository else None,
        commit=node.commit_id.hex() or None,
        depth=node.depth,
        same_as=node.same_as,
        rerun_of=node.rerun_of,
        is_published=node.is_published,
    )


def _show_edge(edge: Edge) -> wire.LineageEdge:
    return wire.LineageEdge(
        source=edge.source,
        target=edge.target,
        how=edge.how,
        commit=edge.commit_id.hex() or None,
    )


def _find_output(run: wire.Run, use: Use | None) -> wire.RunOutput | None:
    """Return what `run` shows of the output that was asked about."""
    if use is None:
        return None
    identity, path = use.artifact.identity.hex(), show_path(use.artifact.path)
    same = [each for each in run.outputs if each.identity == identity]
    return next((each for each in same if each.path == path), None)

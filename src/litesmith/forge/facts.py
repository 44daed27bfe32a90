"""From the nouns of the rooms below to those of the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from litesmith.data import TensorSpec
from litesmith.graph import Graph, Op
from litesmith.graph.census import float_ops, op_counts, weights_bits
from litesmith.measure import measure_size
from litesmith.report import Artifact, FloatOp, Port, SourceFacts, TensorFacts
from litesmith.runtime import Port as RuntimePort
from litesmith.sources import FileSession, SourceInfo


def source_facts(info: SourceInfo) -> SourceFacts:
    """Return what is known of the model that came in."""
    return SourceFacts(
        path=info.path or None,
        format=info.format,
        loader=info.loader,
        keras_version=info.keras_version,
        size_bytes=info.size_bytes or None,
        inputs=_tensors(info.inputs),
        outputs=_tensors(info.outputs),
        repairs=info.notes,
    )


def artifact_facts(
    path: str, model: bytes, graph: Graph, session: FileSession, fed: Iterable[TensorSpec] = ()
) -> Artifact:
    """Return what is known of the file that comes out; `fed`: what the application feeds."""
    feeds = tuple(spec.feeds or None for spec in fed)
    size = measure_size(model)
    return Artifact(
        path=path,
        size_bytes=size.raw_bytes,
        size_gzip_bytes=size.gzip_bytes,
        sha256=size.sha256,
        inputs=_ports(graph.input_names(), session.inputs, feeds),
        outputs=_ports(graph.output_names(), session.outputs),
        ops=op_counts(graph),
        float_ops=len(float_ops(graph)),
        weights_bits=weights_bits(graph),
    )


def grouped_ops(ops: Iterable[Op]) -> tuple[FloatOp, ...]:
    """Return ops by kind, the most frequent first, each with the layers they come from."""
    kinds: dict[str, list[Op]] = {}
    for op in ops:
        kinds.setdefault(op.kind, []).append(op)
    found = [FloatOp(kind, len(group), _layers(group)) for kind, group in kinds.items()]
    return tuple(sorted(found, key=lambda one: -one.count))


def _layers(ops: Sequence[Op]) -> tuple[str, ...]:
    # ASSIGN_VARIABLE has no results.
    places = (op.origin or tuple(t.name for t in (*op.outputs, *op.inputs) if t)[:1] for op in ops)
    names = (name for found in places for name in found)
    return tuple(dict.fromkeys(names))


def _tensors(specs: Iterable[TensorSpec]) -> tuple[TensorFacts, ...]:
    return tuple(TensorFacts(s.name, tuple(s.shape), s.dtype) for s in specs)


def _ports(
    names: Sequence[str], ports: Sequence[RuntimePort], feeds: Sequence[str | None] = ()
) -> tuple[Port, ...]:
    told = feeds or (None,) * len(ports)
    return tuple(
        Port(name, p.shape, p.dtype, p.scale, p.zero_point, p.signature or None, words)
        for name, p, words in zip(names, ports, told, strict=True)
    )

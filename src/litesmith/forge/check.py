"""Load and diagnose: what a model is, what int8 would leave in float, what a target refuses."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from litesmith import graph as graphs
from litesmith.data import Examples, load_examples
from litesmith.forge import autopsy, lint
from litesmith.forge.compare import real_inputs
from litesmith.forge.facts import grouped_ops, source_facts
from litesmith.forge.obey import refused_ops
from litesmith.forge.options import Listener, LoadingOptions
from litesmith.forge.plan import formed, load_options
from litesmith.forge.quantized import quantized_weights
from litesmith.forge.suppose import suppose_int8
from litesmith.graph import Graph
from litesmith.graph.census import computes_in_float, float_ops, op_counts, weights_bits
from litesmith.graph.packed import with_constants
from litesmith.graph.step import Notice, silent
from litesmith.interface.metadata import summarize
from litesmith.quantize import integer_ops
from litesmith.report import CheckReport, FloatOp, SourceFacts, TargetFacts, Warn
from litesmith.report.version import __version__
from litesmith.rewrite import INTEGER_STEPS, STEPS
from litesmith.sources import open_source
from litesmith.targets import Refusal, Target, find_target, per_tensor_kinds, verdict

_NO_DATA: Examples | None = None


def run(
    source: Any,
    target: str | None,
    loading: LoadingOptions,
    listen: Listener,
    data: Any = None,
    preprocess: Sequence[str] = (),
) -> CheckReport:
    """Diagnose a model, and data for it if there is any; nothing is written.

    Raises:
        InputError, LoadError, ConversionError: the model cannot be loaded or lowered.
    """
    started = time.monotonic()
    wanted = None if target is None else find_target(target)
    with open_source(source, load_options(loading, lambda line: None)) as opened:
        listen("load", None)
        facts = source_facts(opened.info)
        if facts.format != "tflite":
            listen("convert", None)
        model = opened.lower()
        inputs = opened.info.inputs
    graph = graphs.read(model)
    graphs.verify(graph)
    examples = None
    if data is not None:
        listen("lint", None)
        examples = load_examples(data, real_inputs(inputs, graph), preprocess)
    report = _report(facts, graph, len(model), wanted, started)
    notices: tuple[Notice, ...] = ()
    if report.quantized:
        found, notices = autopsy.run(with_constants(graph), examples)
        report = replace(report, findings=found)
    elif examples is not None:
        notices = lint.run(graph, graph, lint.Given(examples, data, preprocess))
    told = tuple(Warn(n.code, n.message, n.hint) for n in notices)
    return replace(report, warnings=(*told, *report.warnings), seconds=time.monotonic() - started)


def _report(
    facts: SourceFacts, graph: Graph, size: int, target: Target | None, started: float
) -> CheckReport:
    quantized = bool(quantized_weights(graph))
    left = None if quantized else stays_float(graph)
    computing = grouped_ops(float_ops(graph))
    form = None if quantized or target is None else target.form
    refusals = () if target is None else _refusals(graph, target, form)
    refused = refused_ops(refusals, runs=False)
    return CheckReport(
        litesmith=__version__,
        status="ok",
        error=None,
        source=facts,
        quantized=quantized,
        float_tflite_bytes=None if quantized else size,
        ops=op_counts(graph),
        float_ops=sum(group.count for group in computing),
        weights_bits=weights_bits(graph),
        float_ops_in_int8=left,
        target=None if target is None else _target_facts(target, not refused, form),
        refused=refused,
        falls_back=refused_ops(refusals, runs=True),
        metadata=summarize(graph),
        seconds=time.monotonic() - started,
        warnings=tuple(_warnings(left or ())),
    )


def _refusals(graph: Graph, target: Target, form: str | None) -> tuple[Refusal, ...]:
    """Hold the graph as it would ship in a form (None: as it is) against a target."""
    if form is None:
        return verdict(graph, target)
    for step in STEPS:
        graph = formed(step, target)(graph, _NO_DATA, silent).graph
    shipped = suppose_int8(graph, per_tensor_kinds(target)) if form == "int8" else graph
    return verdict(shipped, target)


def _target_facts(target: Target, runs: bool, form: str | None) -> TargetFacts:
    return TargetFacts(target.name, runs, "rules", target.table.version, form)


def stays_float(graph: Graph) -> tuple[FloatOp, ...]:
    """Return the ops that `--quantize int8` would leave in float, decided as it decides."""
    for step in (*STEPS, *INTEGER_STEPS):
        graph = step(graph, _NO_DATA, silent).graph
    decided, _ = integer_ops(graph)
    in_main = [op for op, integer in decided.items() if not integer]
    inside = [op for part in list(graph.graphs())[1:] for op in part.ops if computes_in_float(op)]
    return grouped_ops([*in_main, *inside])


def _warnings(left: Iterable[FloatOp]) -> Iterable[Warn]:
    for group in left:
        yield Warn(
            "float_op",
            f"--quantize int8 would leave {group.count} {group.kind} in float.",
            "It still runs on a CPU; integer-only targets refuse it.",
        )

"""Two models on the same examples."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from litesmith import graph as graphs
from litesmith.data import Array, Examples, TensorSpec, load_examples
from litesmith.errors import InputError, LitesmithError
from litesmith.forge import per_layer as _per_layer
from litesmith.forge import prove, warnings
from litesmith.forge.facts import source_facts
from litesmith.forge.options import Listener, LoadingOptions
from litesmith.forge.pairing import Pairing, pair
from litesmith.forge.plan import load_options
from litesmith.forge.synthetic import generate
from litesmith.graph import Graph
from litesmith.graph.step import Notice
from litesmith.measure import FidelityMeter
from litesmith.report import CompareReport, Warn
from litesmith.report.version import __version__
from litesmith.sources import (
    Source,
    SourceFormat,
    detect,
    each_its_own,
    is_model_object,
    open_source,
)


def run(
    a: Any,
    b: Any,
    data: Any,
    preprocess: Sequence[str],
    seed: int,
    loading: LoadingOptions,
    listen: Listener,
    per_layer: bool = False,
) -> CompareReport:
    """Hold `b` against `a`; tensor by tensor too, if asked.

    Raises:
        InputError: they do not take the same inputs, or the data does not fit.
        LoadError, ConversionError: one of them cannot be loaded.
    """
    started = time.monotonic()
    forms = _form(a), _form(b)
    of_a, of_b = each_its_own(forms, load_options(loading, lambda line: None))
    with open_source(a, of_a) as first, open_source(b, of_b) as second:
        listen("load", None)
        both = pair(first.info, second.info)
        graph = graphs.read(first.lower()) if _is_file(first) or data is None else None
        specs = real_inputs(both.inputs, graph)
        examples = (
            generate(real_graph(graph), prove.PARITY_EXAMPLES, seed, both.inputs)
            if data is None and graph is not None
            else load_examples(data, specs, preprocess)
        )
        listen("verify", None)
        meter = _measured(first, second, examples, both)
        layers, left_out = None, tuple[Notice, ...]()
        if per_layer:
            listen("layers", None)
            layers, left_out = _per_layer.run(
                first.lower(),
                second.lower(),
                examples,
                lambda batch: _fed(batch, both.order, second.info.inputs),
            )
        facts = source_facts(first.info), source_facts(second.info)
    found = meter.result()
    parity = replace(prove.parity(found, found, synthetic=data is None), float_max_abs_error=None)
    notices = (*warnings.of_fidelity(found, found), *left_out)
    told = tuple(Warn(n.code, n.message, n.hint) for n in notices)
    return CompareReport(
        __version__,
        "ok",
        None,
        *facts,
        parity,
        time.monotonic() - started,
        told,
        layers=None if layers is None else layers.layers,
        layers_of=None if layers is None else layers.of,
        layers_examples=None if layers is None else layers.examples,
    )


def _form(source: Any) -> SourceFormat | None:
    """Return the format of a model, None for what opening will refuse."""
    if not isinstance(source, str | Path):
        return SourceFormat.MEMORY if is_model_object(source) else None
    try:
        return detect(Path(source))
    except LitesmithError:
        return None


def _measured(first: Source, second: Source, examples: Examples, both: Pairing) -> FidelityMeter:
    names = [spec.name for spec in first.info.outputs]
    if len(names) != len(second.info.outputs):
        raise InputError(
            f"The first model has {len(names)} outputs, the second {len(second.info.outputs)}."
        )
    by_name = {spec.name: i for i, spec in enumerate(second.info.outputs)}
    same = set(by_name) == set(names)
    places = [by_name[name] for name in names] if same else range(len(names))
    meter = FidelityMeter(names)
    size = prove.batch_size(_input_bytes(both.inputs))
    some = examples.take(prove.PARITY_EXAMPLES).batches(size, limit=prove.PARITY_EXAMPLES)
    for batch, reference in prove.ahead(some, first.run):
        actual = second.run(_fed(batch, both.order, second.info.inputs))
        meter.update(reference, [actual[i] for i in places])
    return meter


def _is_file(source: Source) -> bool:
    return source.info.format == "tflite"


def real_inputs(specs: Sequence[TensorSpec], graph: Graph | None) -> tuple[TensorSpec, ...]:
    """Return the inputs as real numbers: float32 where a file takes quantized integers."""
    if graph is None:
        return tuple(specs)
    return tuple(
        replace(spec, dtype="float32") if _quantized(graph, i) else spec
        for i, spec in enumerate(specs)
    )


def real_graph(graph: Graph) -> Graph:
    """Return the graph with the inputs that an application would feed real numbers."""
    floats = [
        t.with_(dtype=graphs.DType.FLOAT32, quant=None) if _quantized(graph, i) else t
        for i, t in enumerate(graph.inputs)
    ]
    return graph.with_(inputs=tuple(floats))


def _quantized(graph: Graph, position: int) -> bool:
    tensor = graph.inputs[position]
    return tensor.quant is not None and tensor.quant.scale.size > 0 and not tensor.dtype.is_float


def _fed(batch: Sequence[Array], order: Sequence[int], specs: Sequence[TensorSpec]) -> list[Array]:
    """Return the batch in the second model's order; a float model gets floats."""
    chosen = [batch[place] for place in order]
    return [
        x.astype(np.float32) if s.dtype == "float32" and x.dtype != np.float32 else x
        for x, s in zip(chosen, specs, strict=True)
    ]


def _input_bytes(specs: Sequence[TensorSpec]) -> int:
    sizes = [np.prod([d or 1 for d in spec.example_shape], dtype=np.int64) * 4 for spec in specs]
    return max(1, int(sum(sizes)))

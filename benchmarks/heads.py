"""Every head on every shared model: the file against NumPy on the original model's own outputs.

The oracle is written here a second time, so that it shares nothing with litesmith. An index that
differs counts as equal when the original's values at both are the same within 1e-5 of the largest;
how many of them there were is shown. For int8 the part of equal answers (first indices, truth
values, largest scores) is shown.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import add_shared, arguments, report
from benchmarks.shared_models import SHARED, as_float, representative
from litesmith import graph as graphs
from litesmith.data import load_examples
from litesmith.graph import Graph
from litesmith.interface import ShapeOutputs
from litesmith.quantize import Quantize
from litesmith.rewrite import INTEGER_STEPS, STEPS
from litesmith.runtime import Session
from litesmith.sources import LoadOptions, open_source

Array = Any
_ALIKE = 1e-5


def softmax(x: Array) -> Array:
    """Softmax over the last axis, in float64."""
    e = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def ranked(p: Array, count: int) -> list[Array]:
    """The `count` largest values and their indices; of equals the lower index first."""
    order = np.argsort(-p, -1, kind="stable")[..., :count]
    return [np.take_along_axis(p, order, -1), order]


# Head → what it means of probabilities p, and what is compared with that.
ORACLES: dict[str, tuple[Callable[[Array], list[Array]], Callable[[list[Array]], list[Array]]]] = {
    "keep": (lambda p: [p], list),
    "logits": (lambda p: [p], lambda y: [softmax(y[0])]),
    "probabilities": (lambda p: [p], list),
    "sigmoid": (lambda p: [p], list),
    "argmax": (lambda p: [p.argmax(-1)], list),
    "topk=1": (lambda p: ranked(p, 1), list),
    "topk=3": (lambda p: ranked(p, 3), list),
    "threshold=0.5": (lambda p: [p >= 0.5], list),
    "threshold=0.1": (lambda p: [p >= np.float32(0.1)], list),
}


def measure(name: str, options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Put every head on one model."""
    model = SHARED[name]
    raw = representative(model, options.shared, options.examples, folder / f"{name}.npy")
    x = as_float(model, np.load(raw))
    with open_source(options.shared / model.path, LoadOptions()) as source:
        graph = graphs.read(source.lower())
        outputs = np.concatenate([source.run([part])[0] for part in np.array_split(x, 8)])
        specs = source.info.inputs
    for step in STEPS:
        graph = step(graph, None).graph
    data = load_examples(x, specs)
    return [_row(name, head, graph, data, x, outputs) for head in ORACLES]


def _row(name: str, head: str, graph: Graph, data: Any, x: Array, p: Array) -> dict[str, Any]:
    exact = _simplified(ShapeOutputs(heads=(head,))(graph).graph, STEPS)
    oracle, form = ORACLES[head]
    wanted = oracle(p)
    answers = form(Session(graphs.write(exact)).run([x]))
    found = [_error(a, w, p) for a, w in zip(answers, wanted, strict=True)]
    integer = Quantize("int8")(_simplified(exact, INTEGER_STEPS), data).graph
    coarse = form(Session(graphs.write(integer)).run([x]))
    return {
        "model": name,
        "head": head,
        "ops": len(exact.ops),
        "max error": max(error for error, _ in found),
        "alike": sum(alike for _, alike in found),
        "int8 agreement %": 100 * _agreement(coarse[-1], wanted[-1]),
        "int8 ops": len(integer.ops),
    }


def _simplified(graph: Graph, steps: Sequence[Any]) -> Graph:
    for step in steps:
        graph = step(graph, None).graph
    return graph


def _error(found: Array, wanted: Array, p: Array) -> tuple[float, int]:
    """Return the largest error, and how many answers differ between values that are alike."""
    if wanted.dtype.kind == "f":
        return float(np.abs(found - wanted).max()), 0
    differs = np.asarray(found != wanted)
    if wanted.dtype.kind == "b":
        return float(differs.any()), 0
    rows = found.reshape(len(p), -1), wanted.reshape(len(p), -1)
    a, b = (np.take_along_axis(p, index.astype(np.int64), -1) for index in rows)
    alike = differs.reshape(len(p), -1) & (np.abs(a - b) <= _ALIKE * p.max())
    return float((differs.reshape(len(p), -1) & ~alike).any()), int(alike.sum())


def _agreement(found: Array, wanted: Array) -> float:
    if wanted.dtype.kind == "f":
        return float(np.mean(found.argmax(-1) == wanted.argmax(-1)))
    if wanted.dtype.kind == "i" and wanted.ndim > 1:
        found, wanted = found[..., 0], wanted[..., 0]
    return float(np.mean(found == wanted))


def main() -> None:
    """Print the table of heads."""
    parser = arguments(__doc__ or "")
    add_shared(parser)
    parser.add_argument("--examples", type=int, default=200, help="examples per model")
    parser.add_argument("models", nargs="*", help=f"of {', '.join(SHARED)} (default: all)")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models or SHARED:
            rows += measure(name, options, Path(folder))
    report("heads", rows, options.json, examples=options.examples, n=len(rows))


if __name__ == "__main__":
    main()

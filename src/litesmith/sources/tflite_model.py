"""An existing .tflite as a source: LiteRT is its original."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from litesmith.data import TensorSpec
from litesmith.errors import InputError
from litesmith.graph import Graph, Tensor, read, write
from litesmith.graph.edit import substitute
from litesmith.graph.flex import flex_ops
from litesmith.runtime import Session
from litesmith.sources.options import specs_to_json
from litesmith.sources.vetting import refuse_huge

if TYPE_CHECKING:
    from litesmith.sources.flex import FlexSession

_FLEX = (
    "Plain LiteRT refuses this file: {} needs TensorFlow's own kernels. It is run with them here."
)
_NO_DELEGATE = "builtin"  # delegates leave the shapes between their ops as they were declared
Array = npt.NDArray[Any]


class TFLiteModel:
    """A .tflite file.

    Args:
        data: the file.
        signature: key of the signature to use, None for the file's first graph.

    Raises:
        LoadError: damaged, or refused by LiteRT.
        ConversionError: it needs TensorFlow's kernels in a way that cannot be run here.
        InputError: no such signature.
    """

    def __init__(self, data: bytes, signature: str | None = None) -> None:
        graph = read(data)
        refuse_huge(graph)
        if signature is not None:
            graph = _choose(graph, signature)
            data = write(graph)
        self._flex = flex_ops(graph)
        if self._flex:  # LiteRT cannot run it as a whole, nor say what shapes it makes
            self._session: Session | FlexSession = _with_tensorflow(data)
            self._graph, self._data = graph, data
            return
        self._session = Session(data, threads=os.cpu_count() or 1)
        self._graph = _with_real_shapes(graph, data)
        self._data = data if self._graph is graph else write(self._graph)

    def info(self) -> dict[str, Any]:
        """Return loader, inputs and outputs as JSON."""
        from ai_edge_litert import __version__

        graph = self._graph
        return {
            "loader": f"LiteRT {__version__}{' with TensorFlow' if self._flex else ''}",
            "keras_version": None,
            "inputs": specs_to_json(_specs(graph.inputs, graph.input_names())),
            "outputs": specs_to_json(_specs(graph.outputs, graph.output_names())),
            "notes": [_FLEX.format(", ".join(self._flex))] if self._flex else [],
        }

    def lower(self, progress: Callable[[str], None]) -> bytes:
        """Return the file; of the chosen signature alone, and with its tensors' real shapes."""
        return self._data

    def run(self, batch: Sequence[Array]) -> list[Array]:
        """Return LiteRT's outputs, per output (k, *example_shape); quantized ones as float32."""
        return [np.asarray(y) for y in self._session.run(batch)]


def _with_tensorflow(data: bytes) -> FlexSession:
    from litesmith.sources.flex import FlexSession
    from litesmith.sources.tensorflow import import_tensorflow

    import_tensorflow(keras=None)
    return FlexSession(data)


def _with_real_shapes(graph: Graph, data: bytes) -> Graph:
    """Return the graph with the shapes that its ops make, where the file declares others.

    LiteRT ignores what is declared for computed tensors; rewriting relies on it. Shapes that LiteRT
    knows only while it runs are left.
    """
    computed = [tensor for op in graph.ops for tensor in op.outputs]
    shapes = Session(data, kernels=_NO_DELEGATE).shapes()
    found = {tensor: shapes.get(tensor.name) for tensor in computed}
    if None in found.values():  # names that several tensors have
        named = {t: t.with_(name=f"{i}") for i, t in enumerate(computed)}
        inputs = {t: t.with_(name=f"input {i}") for i, t in enumerate(graph.inputs)}
        shapes = Session(write(substitute(graph, named | inputs)), kernels=_NO_DELEGATE).shapes()
        found = {tensor: shapes.get(f"{i}") for i, tensor in enumerate(computed)}
    wrong = {
        tensor: tensor.with_(shape=shape, shape_signature=None)
        for tensor, shape in found.items()
        if shape and shape != tensor.shape
    }
    return substitute(graph, wrong) if wrong else graph


def _choose(graph: Graph, key: str) -> Graph:
    found = {s.key: (g, s) for g in (graph, *graph.siblings) for s in g.signatures}
    if key not in found:
        known = ", ".join(sorted(found)) or "none"
        raise InputError(f"The .tflite has no signature '{key}'; it has: {known}.")
    chosen, signature = found[key]
    return chosen.with_(siblings=(), signatures=(signature,))


def _specs(tensors: Sequence[Tensor], names: Sequence[str]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(
            name,
            tuple(None if s < 0 else s for s in tensor.shape_signature or tensor.shape),
            tensor.dtype.value,
        )
        for name, tensor in zip(names, tensors, strict=True)
    )

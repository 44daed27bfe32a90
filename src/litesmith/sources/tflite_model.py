"""An existing .tflite as a source: LiteRT is its original."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.data import TensorSpec
from litesmith.errors import InputError
from litesmith.graph import Graph, Tensor, read, write
from litesmith.runtime import Session
from litesmith.sources.options import specs_to_json

Array = npt.NDArray[Any]


class TFLiteModel:
    """A .tflite file.

    Args:
        data: the file.
        signature: key of the signature to use, None for the file's first graph.

    Raises:
        LoadError: damaged, or refused by LiteRT.
        InputError: no such signature.
    """

    def __init__(self, data: bytes, signature: str | None = None) -> None:
        graph = read(data)
        if signature is not None:
            graph = _choose(graph, signature)
            data = write(graph)
        self._data = data
        self._graph = graph
        self._session = Session(data, threads=os.cpu_count() or 1)

    def info(self) -> dict[str, Any]:
        """Return loader, inputs and outputs as JSON."""
        from ai_edge_litert import __version__

        graph = self._graph
        return {
            "loader": f"LiteRT {__version__}",
            "keras_version": None,
            "inputs": specs_to_json(_specs(graph.inputs, graph.input_names())),
            "outputs": specs_to_json(_specs(graph.outputs, graph.output_names())),
            "notes": [],
        }

    def lower(self, progress: Callable[[str], None]) -> bytes:
        """Return the file (of the chosen signature alone, when one was chosen)."""
        return self._data

    def run(self, batch: Sequence[Array]) -> list[Array]:
        """Return LiteRT's outputs, per output (k, *example_shape); quantized ones as float32."""
        return [np.asarray(y) for y in self._session.run(batch)]


def refuse_ends(inputs: Sequence[str], outputs: Sequence[str], cut: Sequence[str]) -> None:
    """Refuse options that change where a model begins and ends.

    Raises:
        InputError: one of them is given.
    """
    for option, given in (("--inputs", inputs), ("--outputs", outputs), ("--input", cut)):
        if given:
            raise InputError(
                f"{option} {','.join(given)} does not apply to a .tflite, which is taken as it is.",
                "Use it when exporting the model that the file was made from.",
            )


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

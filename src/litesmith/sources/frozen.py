"""A GraphDef that the parent froze from a model in its memory → the same lowering as for files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litesmith.sources.convert import convert, with_signature
from litesmith.sources.graphdef import Frozen, as_function
from litesmith.sources.options import specs_from_json
from litesmith.sources.protocol import load_arrays
from litesmith.sources.tensorflow import import_tensorflow
from litesmith.sources.verify import verify


@dataclass(frozen=True)
class FrozenRequest:
    """Arguments of the request `convert`.

    Attributes:
        graph: path of the serialized GraphDef.
        feeds, fetches: tensor names of its inputs and outputs, in declared order.
        inputs, outputs: their specs as JSON.
        examples, reference: .npy paths; the model's own answers, to check by value.
    """

    graph: str
    feeds: list[str]
    fetches: list[str]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    examples: list[str]
    reference: list[str]


def convert_frozen(request: FrozenRequest, progress: Callable[[str], None]) -> bytes:
    """Return the float .tflite of a frozen GraphDef.

    Raises:
        ConversionError: as `convert` and `verify`.
    """
    progress("starting TensorFlow")
    tf = import_tensorflow(keras=None)
    graph = tf.compat.v1.GraphDef.FromString(Path(request.graph).read_bytes())
    Path(request.graph).unlink()
    function = as_function(Frozen(graph, tuple(request.feeds), tuple(request.fetches)))
    progress("converting to .tflite")
    inputs, outputs = specs_from_json(request.inputs), specs_from_json(request.outputs)
    data = with_signature(convert(function), inputs, outputs)
    progress("checking it by value")
    verify(data, outputs, load_arrays(request.examples), load_arrays(request.reference))
    return data

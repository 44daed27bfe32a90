"""A GraphDef that the parent froze from a model in its memory → the same lowering as for files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from litesmith.sources.convert import convert, with_signature
from litesmith.sources.graphdef import Frozen, as_function
from litesmith.sources.options import specs_from_json
from litesmith.sources.tensorflow import import_tensorflow
from litesmith.sources.trials import check, trial_from_json, with_default_sizes


@dataclass(frozen=True)
class FrozenRequest:
    """Arguments of the request `convert`.

    Attributes:
        graph: path of the serialized GraphDef.
        feeds, fetches: tensor names of its inputs and outputs, in declared order.
        inputs, outputs: their specs as JSON.
        sizes: the inputs with the sizes that the file assumes for open dimensions.
        trials: the fields of each `Trial`, arrays as .npy paths: the model's own answers.
        batch: examples per invocation, None when open.
        allow_flex: keep ops without a builtin kernel as select-TF ops.
    """

    graph: str
    feeds: list[str]
    fetches: list[str]
    inputs: list[dict[str, Any]]
    outputs: list[dict[str, Any]]
    sizes: list[dict[str, Any]]
    trials: list[dict[str, Any]]
    batch: int | None
    allow_flex: bool = False


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
    lowered = convert(function, request.batch, allow_flex=request.allow_flex)
    data = with_signature(lowered, inputs, outputs)
    progress("checking it by value")
    data = with_default_sizes(data, specs_from_json(request.sizes))
    for trial in map(trial_from_json, request.trials):
        check(data, outputs, trial)
    return data

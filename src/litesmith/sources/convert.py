"""The one adapter of TFLiteConverter: a concrete function in, a named float .tflite out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import ConversionError
from litesmith.graph import Signature, read, write
from litesmith.sources.graphdef import as_function, assigned_variables, freeze, with_static_lists
from litesmith.sources.lists import has_lists, without_lists
from litesmith.sources.substitutes import without_ops
from litesmith.sources.tables import has_tables

_KEY = "serving_default"
_SELECT = re.compile(r"^\s*TF Select ops: ", re.M)
_UNSUPPORTED = re.compile(r"^\s*(?:TF Select|Custom) ops: (.+?)\s*$", re.M)
_KEEP = " Or keep it: --allow-flex (the application then needs the select-TF runtime)."
_DOUBLE = re.compile(r"^\s*tf\.\w+\(tensor<[\dx?*]*xf64>", re.M)
_NAMED = re.compile(r"'tf\.(\w+)' op")


def convert(function: Any, batch: int | None = 1, *, allow_flex: bool = False) -> bytes:
    """Return the .tflite of a concrete function; it has no signature yet.

    Args:
        function: its shapes are static but for the batch, and dimensions that stay open.
        batch: its first dimension, None when open.
        allow_flex: keep ops without a builtin kernel as select-TF ops.

    The function is taken unfrozen and *without* its model: the converter then freezes it itself,
    once. Given with the model it goes through a SavedModel and drops Keras 3's weights.

    Raises:
        ConversionError: naming the ops that have no builtin kernel.
    """
    graph = function.graph.as_graph_def()
    if batch is None and has_lists(graph):
        function = as_function(without_lists(freeze(function)))
    elif has_tables(graph):
        function = as_function(freeze(function))
    try:
        return _convert(function, allow_flex)
    except Exception as error:
        if "TensorListReserve" not in str(error):
            return _without_refused(function, error, allow_flex)
    frozen = freeze(function)
    repaired = as_function(with_static_lists(frozen) if batch == 1 else without_lists(frozen))
    try:
        return _convert(repaired, allow_flex)
    except Exception as error:
        return _without_refused(repaired, error, allow_flex, function)


def _without_refused(
    function: Any, error: Exception, allow_flex: bool, original: Any = None
) -> bytes:
    """Return the .tflite of the function with the ops that the converter refused written by others.

    Raises:
        ConversionError: that is not known for one of them.
    """
    refused, last = refused_ops(str(error)), error
    if refused and not assigned_variables(function):
        try:
            other = without_ops(freeze(function), refused)
            if other is not None:
                return _convert(as_function(other), allow_flex)
        except Exception as again:  # the adapter of the converter
            last = again
    raise _explained(last, function if original is None else original) from last


def _convert(function: Any, allow_flex: bool = False) -> bytes:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.exclude_conversion_metadata = True
    # LSTM, 100 steps: 1.57 → 0.88 ms, for what a loop puts out is no longer copied at every step.
    converter._experimental_enable_dynamic_update_slice = True
    more = [tf.lite.OpsSet.SELECT_TF_OPS] if allow_flex else []
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, *more]
    return bytes(converter.convert())


def _explained(error: Exception, function: Any) -> ConversionError:
    changing = assigned_variables(function)
    if changing:
        return ConversionError(
            f"The model changes its own variables while it runs ({changing[0]}).",
            "Build it without state between calls: stateful=False, no random layer at inference.",
        )
    return ConversionError(*explain(str(error)))


def refused_ops(text: str) -> list[str]:
    """Return the kinds of op for which a converter's message says there is no kernel."""
    listed = [op for ops in _UNSUPPORTED.findall(text) for op in ops.split(", ")]
    return list(dict.fromkeys(listed or _NAMED.findall(text)))


def explain(text: str) -> tuple[str, str]:
    """Return one sentence and a hint for a converter's message."""
    ops = refused_ops(text)
    if ops and _DOUBLE.search(text):
        return (
            f"The model computes in float64 ({', '.join(ops)}), which .tflite kernels do not.",
            "Save it in float32.",
        )
    if ops:
        noun = "The op" if len(ops) == 1 else "The ops"
        verb = "has" if len(ops) == 1 else "have"
        return (
            f"{noun} {', '.join(ops)} of this model {verb} no .tflite kernel.",
            "Replace the layer that uses it by one of builtin ops."
            + (_KEEP if _SELECT.search(text) and "Custom ops: " not in text else ""),
        )
    errors = re.findall(r"error: (.+)", text) or text.splitlines() or ["no message"]
    return f"TensorFlow's converter failed: {errors[0].strip()[:300]}", "The log has the details."


def with_signature(
    data: bytes, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], key: str = _KEY
) -> bytes:
    """Return the file with a signature of the source's names.

    Raises:
        ConversionError: the converter changed the number of inputs or outputs.
    """
    graph = read(data)
    for kind, wanted, found in (
        ("inputs", inputs, graph.inputs),
        ("outputs", outputs, graph.outputs),
    ):
        if len(wanted) != len(found):
            raise ConversionError(
                f"The converter left {len(found)} of the {len(wanted)} {kind}.",
                "Remove those that the model does not use.",
            )
    signature = Signature(key, _positions(inputs), _positions(outputs))
    return write(graph.with_(signatures=(signature,)))


def _positions(specs: Sequence[TensorSpec]) -> tuple[tuple[str, int], ...]:
    return tuple((spec.name, i) for i, spec in enumerate(specs))

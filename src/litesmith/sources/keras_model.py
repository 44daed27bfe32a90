"""A Keras model object of either Keras → `Loaded`, with the names and order its author gave."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from litesmith.data import TensorSpec
from litesmith.errors import LoadError
from litesmith.sources.keras_states import named_states
from litesmith.sources.loaded import Loaded, NamedTensors
from litesmith.sources.options import Shape
from litesmith.sources.scope_names import plain_scopes
from litesmith.sources.structure import is_shape, leaves, pack, unique
from litesmith.sources.time_distributed import folding_steps


def from_keras(model: Any, loader: str, shapes: Mapping[str, Shape] | None = None) -> Loaded:
    """Return the traceable form of a built Keras model.

    Args:
        model: `keras.Model` or `tf_keras.Model`.
        loader: what to report as its loader.
        shapes: shapes by input name, for subclassed models that were never called.

    Raises:
        LoadError: the model's inputs are not known.
    """
    symbolic = _attribute(model, "inputs")
    if symbolic:
        return _symbolic(model, loader)
    structure = _called_with(model) or dict(shapes or {})
    if not structure:
        raise LoadError(
            f"The inputs of the subclassed model '{model.name}' are not known.",
            "Call the model once before saving it, or say --input-shape NAME=1x224x224x3.",
        )
    return _subclassed(model, loader, structure)


def check_backend(model: Any) -> None:
    """Refuse a Keras 3 model that does not compute with TensorFlow.

    Raises:
        LoadError: it runs on another backend.
    """
    keras: Any = sys.modules.get("keras")
    if keras is None or not isinstance(model, keras.Model):
        return
    backend = keras.config.backend()
    if backend != "tensorflow":
        raise LoadError(
            f"The model runs on Keras' {backend} backend.",
            "Save it (.keras) and give the file, or set KERAS_BACKEND=tensorflow.",
        )


def half_precision_layers(model: Any) -> list[Any]:
    """Return the layers that keep float32 weights and compute in 16 bits (mixed precision)."""
    return [
        layer
        for layer in model._flatten_layers()
        if getattr(layer, "compute_dtype", None) in ("float16", "bfloat16")
        and getattr(layer, "variable_dtype", None) == "float32"
    ]


def compute_in_float32(layers: Sequence[Any]) -> None:
    """Let mixed-precision layers compute in the precision of their weights.

    The converter has no float16 kernels, and what training saved in memory costs only precision.
    """
    for layer in layers:
        if hasattr(layer, "_set_dtype_policy"):  # tf_keras
            layer._set_dtype_policy("float32")
        else:
            layer.dtype_policy = "float32"


def other_precision(model: Any) -> str:
    """Return the dtype of layers that keep weights and compute in another than float32, or ""."""
    for layer in model._flatten_layers():
        dtype = str(getattr(layer, "compute_dtype", None))
        wide = dtype in ("float16", "bfloat16", "float64") and layer.variable_dtype == dtype
        if wide and layer.weights:
            return dtype
    return ""


def keep_activations_float(model: Any) -> bool:
    """Let layers that Keras 3 quantized compute in float32 from the weights that they hold.

    int8 weights are expanded by their scales; a float8 layer has its float32 weights still. What
    is lost is the rounding of activations to the scale of each example, done as the model runs.

    Returns:
        True when there was such a layer.
    """
    found = False
    for layer in model._flatten_layers():
        mode = getattr(layer, "quantization_mode", None)
        if mode == "float8":
            layer.dtype_policy = "float32"
        elif mode is None or getattr(layer, "inputs_quantizer", None) is None:
            continue
        else:
            layer.inputs_quantizer = None
        found = True
    return found


def _symbolic(model: Any, loader: str) -> Loaded:
    structure = _attribute(model, "input")
    if structure is None:
        structure = model.inputs
    found = list(leaves(structure))
    names = unique([key or _layer_name(tensor) for key, tensor in found])
    inputs = tuple(_spec(n, t) for n, (_, t) in zip(names, found, strict=True))
    outputs = _attribute(model, "output")
    if outputs is None:
        outputs = model.outputs
    output_names = unique([key or _layer_name(tensor) for key, tensor in leaves(outputs)])
    arguments = _training(model)

    def call(tensors: Sequence[Any]) -> NamedTensors:
        with folding_steps(model), plain_scopes(model):
            result = model(pack(structure, iter(tensors)), **arguments)
        flat = [tensor for _, tensor in leaves(result)]
        return list(zip(output_names, flat, strict=True))

    return Loaded(loader, inputs, call, model, states=lambda: named_states(model))


def _subclassed(model: Any, loader: str, structure: dict[str, Any]) -> Loaded:
    named = list(_named_shapes(structure))
    inputs = tuple(TensorSpec(name, (None, *shape[1:]), dtype) for name, shape, dtype in named)
    arguments = _training(model)

    def call(tensors: Sequence[Any]) -> NamedTensors:
        values = pack(structure, iter(tensors), is_leaf=_is_input)
        with folding_steps(model), plain_scopes(model):
            result = model(*values.values(), **arguments)
        flat = list(leaves(result))
        names = unique([key or f"output_{i}" for i, (key, _) in enumerate(flat)])
        return list(zip(names, (tensor for _, tensor in flat), strict=True))

    return Loaded(loader, inputs, call, model, states=lambda: named_states(model))


def _is_input(value: Any) -> bool:
    return is_shape(value) or hasattr(value, "shape")


def _named_shapes(structure: dict[str, Any]) -> Iterator[tuple[str, Shape, str]]:
    for argument, value in structure.items():
        found = list(leaves(value, is_leaf=_is_input))
        for i, (key, leaf) in enumerate(found):
            name = key or (argument if len(found) == 1 else f"{argument}_{i}")
            shape = tuple(leaf) if is_shape(leaf) else tuple(leaf.shape)
            yield name, shape, "float32" if is_shape(leaf) else _dtype(leaf)


def _called_with(model: Any) -> dict[str, Any]:
    """Return argument → structure of shapes or specs with which the model was first called."""
    specs = _attribute(model, "_saved_model_inputs_spec")  # tf_keras
    parameters = list(inspect.signature(model.call).parameters)
    first = parameters[0] if parameters else "inputs"
    if specs is not None:
        return {first: specs}
    shapes = _attribute(model, "_build_shapes_dict") or {}  # Keras 3
    if len(shapes) == 1:
        return {first: next(iter(shapes.values()))}
    return {str(name).removesuffix("_shape"): shape for name, shape in shapes.items()}


def _attribute(model: Any, name: str) -> Any:
    try:
        return getattr(model, name, None)
    except (AttributeError, ValueError, RuntimeError):  # "has never been called"
        return None


def _training(model: Any) -> dict[str, bool]:
    parameters = inspect.signature(model.call).parameters
    takes = "training" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    return {"training": False} if takes else {}


def _layer_name(tensor: Any) -> str:
    history = getattr(tensor, "_keras_history", None)  # both Keras: (layer, node, index)
    return str(history[0].name) if history is not None else str(tensor.name).split(":")[0]


def _spec(name: str, tensor: Any) -> TensorSpec:
    return TensorSpec(name, tuple(tensor.shape), _dtype(tensor))


def _dtype(tensor: Any) -> str:
    return str(getattr(tensor.dtype, "name", tensor.dtype))

"""TFOpLambda and SlicingOpLambda, TensorFlow calls between layers, which Keras 3 does not know.

Their nodes hold tensors and constants mixed in keyword arguments. Here the arguments become a
template in the layer's configuration, in which `{"input": 1}` stands for its second tensor, and
the tensors alone stay in the node; `op_layer` is the layer that fills the template and calls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from litesmith.sources.repair.nodes import Node, is_reference, name, nodes
from litesmith.sources.repair.repair import Config, Repair

CLASS = "LitesmithTFOp"
_CONSTANT = "_CONSTANT_VALUE"
_KINDS = ("TFOpLambda", "SlicingOpLambda")
# The parts of TensorFlow that only compute.
_MODULES = {
    *("math", "nn", "image", "linalg", "signal", "dtypes", "bitwise", "sets", "sparse"),
    *("strings", "random", "keras", "__operators__", "experimental", "compat", "quantization"),
}
_FORBIDDEN = ("function", "import", "load", "save", "file", "while", "map_fn", "raw_ops")


def _fix(config: Config) -> Iterator[str]:
    for node in nodes(config):
        if node["class_name"] in _KINDS and len(node.get("inbound_nodes", [])) == 1:
            node.update(_converted(node))
            yield name(node)


def _converted(node: Node) -> Node:
    call = node["inbound_nodes"][0]
    calls = call if isinstance(call, list) and call and isinstance(call[0], list) else [call]
    tensors: list[Any] = []
    firsts = [_first(one, tensors) for one in calls]
    first = firsts if calls is call else firsts[0]
    given = calls[0][3] if len(calls[0]) > 3 else {}
    arguments = {key: _template(value, tensors) for key, value in given.items()}
    if node["class_name"] == "SlicingOpLambda":
        arguments = {"slice_spec": arguments.get("slice_spec")}
    function = node["config"].get("function", "")
    config = {
        "name": node["config"].get("name"),
        "function": function,
        "first": first,
        "arguments": arguments,
    }
    return {
        "class_name": CLASS,
        "module": None,
        "registered_name": CLASS,
        "config": config,
        "inbound_nodes": [[[*tensor[:3], {}] for tensor in tensors]],
    }


def _first(call: list[Any], tensors: list[Any]) -> Any:
    """Return the template of `[layer, node, tensor, arguments]`, or of a constant said like it."""
    is_constant = call[:2] == [_CONSTANT, -1]
    return _template(call[2] if is_constant else call[:3], tensors)


def _template(value: Any, tensors: list[Any]) -> Any:
    if is_reference(value) and len(value) == 3:
        tensors.append(value)
        return {"input": len(tensors) - 1}
    if isinstance(value, list):
        return [_template(inner, tensors) for inner in value]
    if isinstance(value, dict):
        return {key: _template(inner, tensors) for key, inner in value.items()}
    return value


def filled(template: Any, tensors: Sequence[Any]) -> Any:
    """Return a template with tensors in their places and slices as slices."""
    if isinstance(template, dict):
        if set(template) == {"input"}:
            return tensors[template["input"]]
        inner = {key: filled(value, tensors) for key, value in template.items()}
        if inner.get("class_name") == "__ellipsis__":
            return ...
        is_slice = set(inner) == {"start", "stop", "step"}
        return slice(inner["start"], inner["stop"], inner["step"]) if is_slice else inner
    if isinstance(template, list):
        return [filled(value, tensors) for value in template]
    return template


def function(path: str) -> Any:
    """Return TensorFlow's function of this name.

    Raises:
        ValueError: there is none, or it is not one that only computes.
    """
    import tensorflow as tf

    parts = path.split(".")
    allowed = len(parts) == 1 or parts[0] in _MODULES
    found: Any = tf
    for part in parts:
        found = getattr(found, part, None)
    if not allowed or not callable(found) or any(word in path for word in _FORBIDDEN):
        raise ValueError(f"The TensorFlow function '{path}' is not called from a file")
    return found


def op_layer(package: Any) -> type:
    """Return the layer class for converted nodes, as a layer of this Keras."""

    class LitesmithTFOp(package.layers.Layer):  # type: ignore[misc]
        def __init__(self, function: str, first: Any, arguments: Any, name: str) -> None:
            super().__init__(name=name.replace("/", "_"))
            self.function_name, self.first, self.arguments = function, first, arguments

        def call(self, tensors: Any) -> Any:
            flat = tensors if isinstance(tensors, list | tuple) else [tensors]
            arguments = filled(self.arguments, flat)
            if "slice_spec" in arguments:
                spec = arguments["slice_spec"]
                return flat[0][tuple(spec) if isinstance(spec, list) else spec]
            arguments.pop("name", None)
            return function(self.function_name)(filled(self.first, flat), **arguments)

    return LitesmithTFOp


TENSORFLOW_OPS = Repair(
    "TFOpLambda and SlicingOpLambda", "TensorFlow calls between layers were kept", _fix, ("keras",)
)

"""Module paths of other releases (`keras.engine.functional`) → where the loading Keras has them."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.sources.repair.nodes import Node, nodes, objects
from litesmith.sources.repair.repair import Config, Repair

_ROOTS = ("keras", "tf_keras", "tensorflow.keras", "tensorflow.python.keras", "tf.keras")
_PUBLIC = ("layers", "initializers", "regularizers", "constraints", "activations")
_MODELS = {
    "keras": {
        "Functional": "keras.src.models.functional",
        "Sequential": "keras",
        "Model": "keras",
    },
    "tf_keras": {
        "Functional": "tf_keras.src.engine.functional",
        "Sequential": "keras",
        "Model": "keras",
    },
}
_OPS = ("TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty")
_TF_KERAS_OPS = "tf_keras.src.layers.core.tf_op_layer"


def _fix(keras: str, config: Config) -> Iterator[str]:
    for node in objects(config):
        module = node.get("module")
        if not isinstance(module, str) or not _is_keras(module):
            continue
        wanted = _module(keras, node["class_name"], module)
        if wanted != module:
            node["module"] = wanted
            yield module


def _is_keras(module: str) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in _ROOTS)


def _module(keras: str, kind: str, module: str) -> str:
    if kind in _MODELS[keras]:
        return _MODELS[keras][kind]
    if kind in _OPS:
        return _TF_KERAS_OPS if keras == "tf_keras" else module
    parts = module.split(".")
    public = next((part for part in _PUBLIC if part in parts), None)
    return f"keras.{public}" if public else module


def add_modules(keras: str, config: Config) -> None:
    """Say the modules of layers that a configuration of HDF5 names by their classes alone."""
    for node in nodes(config):
        if "module" not in node and _is_layer(node):
            node["module"] = _MODELS[keras].get(node["class_name"], "keras.layers")
            node.setdefault("registered_name", None)


def _is_layer(node: Node) -> bool:
    return "name" in node["config"] or "layers" in node["config"]


_SAYS = "Modules that moved between releases were followed"
MODULES = (
    Repair("module paths", _SAYS, lambda config: _fix("keras", config), ("keras",)),
    Repair("module paths", _SAYS, lambda config: _fix("tf_keras", config), ("tf_keras",)),
)

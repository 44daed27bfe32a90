"""`batch_input_shape` (Keras 1 and 2) against `batch_shape` (Keras 3)."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.sources.repair.nodes import Node, models, name, nodes
from litesmith.sources.repair.repair import Config, Repair


def _is_input(node: Node) -> bool:
    return str(node["class_name"]) == "InputLayer"


def _newer(config: Config) -> Iterator[str]:
    for model in list(models(config)):
        if model["class_name"] == "Sequential" and _begin(model["config"]["layers"]):
            yield name(model)
    for node in nodes(config):
        inner = node["config"]
        if _is_input(node) and "batch_input_shape" in inner:
            shape = inner.pop("batch_input_shape")
            inner.setdefault("batch_shape", shape)
            yield name(node)


def _begin(layers: list[Node]) -> bool:
    """Give a Sequential whose first layer says the shape the InputLayer that Keras 3 writes.

    Without it Keras 3 takes the batch axis for one more dimension.
    """
    said = [
        layer["config"].pop("batch_input_shape", None) for layer in layers if not _is_input(layer)
    ]
    if not layers or _is_input(layers[0]) or said[0] is None:
        return False
    first = layers[0]["config"]
    dtype = first.get("dtype") if isinstance(first.get("dtype"), str) else None
    config: Config = {"name": f"{first.get('name', 'model')}_input", "batch_shape": said[0]}
    entry: Node = {
        "class_name": "InputLayer",
        "config": config | ({"dtype": dtype} if dtype else {}),
    }
    if "module" in layers[0]:
        entry |= {"module": "keras.layers", "registered_name": None}
    layers.insert(0, entry)
    return True


def _older(config: Config) -> Iterator[str]:
    for node in nodes(config):
        inner = node["config"]
        if _is_input(node) and "batch_shape" in inner:
            shape = inner.pop("batch_shape")
            inner.setdefault("batch_input_shape", shape)
            yield name(node)


BATCH_SHAPES = (
    Repair("batch_input_shape", "batch_input_shape was read as batch_shape", _newer, ("keras",)),
    Repair("batch_shape", "batch_shape was read as batch_input_shape", _older, ("tf_keras",)),
)

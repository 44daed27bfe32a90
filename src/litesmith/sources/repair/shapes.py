"""`batch_input_shape` (Keras 1 and 2) against `batch_shape` (Keras 3)."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.sources.repair.nodes import Node, name, nodes
from litesmith.sources.repair.repair import Config, Repair


def _is_input(node: Node) -> bool:
    return str(node["class_name"]) == "InputLayer"


def _newer(config: Config) -> Iterator[str]:
    for node in nodes(config):
        inner = node["config"]
        if _is_input(node) and "batch_input_shape" in inner:
            shape = inner.pop("batch_input_shape")
            inner.setdefault("batch_shape", shape)
            yield name(node)


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

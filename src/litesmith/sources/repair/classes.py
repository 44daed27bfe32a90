"""Layers that today have another name: of cuDNN, with a version, copied by other packages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from litesmith.sources.repair.nodes import name, nodes, objects
from litesmith.sources.repair.repair import Config, Repair

# Class → class of today, arguments that the old one had built in, arguments it alone has.
_CLASSES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "CuDNNLSTM": ("LSTM", {"activation": "tanh", "recurrent_activation": "sigmoid"}, ()),
    "CuDNNGRU": (
        "GRU",
        {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True},
        (),
    ),
    "BatchNormalizationV1": ("BatchNormalization", {}, ()),
    "BatchNormalizationV2": ("BatchNormalization", {}, ()),
    "LSTMV1": ("LSTM", {}, ()),
    "LSTMV2": ("LSTM", {}, ()),
    "GRUV1": ("GRU", {}, ()),
    "GRUV2": ("GRU", {}, ()),
    "LayerNormalizationV2": ("LayerNormalization", {}, ()),
    "FixedDropout": ("Dropout", {}, ()),  # package efficientnet: a noise shape for training
}


def _classes(config: Config) -> Iterator[str]:
    for node in nodes(config):
        if node["class_name"] in _CLASSES:
            new, more, gone = _CLASSES[node["class_name"]]
            yield f"{node['class_name']} {name(node)}"
            node["class_name"] = new
            node.pop("registered_name", None)
            if "module" in node:
                node["module"] = "keras.layers"
            node["config"].update(more)
            for key in gone:
                node["config"].pop(key, None)


def _gru(config: Config) -> Iterator[str]:
    for node in nodes(config):
        if node["class_name"] in ("GRU", "GRUCell") and "reset_after" not in node["config"]:
            node["config"]["reset_after"] = False
            yield name(node)


def _models(config: Config) -> Iterator[str]:
    for node in nodes(config):
        inner = node["config"]
        plain = node["class_name"] in ("Model", "Network", "Container")
        if plain and "input_layers" in inner and "output_layers" in inner:
            node["class_name"] = "Functional"
            yield name(node)


def _lists(config: Config) -> Iterator[str]:
    for node in objects(config):
        if node["class_name"] == "Sequential" and isinstance(node.get("config"), list):
            title = str(node.get("name") or "sequential")
            node["config"] = {"name": title, "layers": node["config"]}
            yield title


CLASSES = Repair("renamed layers", "Layers were read as their successors", _classes)
GRU = Repair("GRU without reset_after", "GRUs reset before the product, as all once did", _gru)
MODELS = Repair("class Model", "Models were read as functional models", _models)
LISTS = Repair("Sequential as a list", "Sequential models of early releases were read", _lists)

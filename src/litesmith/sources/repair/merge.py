"""The Merge layer of Keras 1 → Concatenate, Add, …; a Sequential of branches → a Model."""

from __future__ import annotations

from collections.abc import Iterator

from litesmith.sources.repair.nodes import Node, name, nodes
from litesmith.sources.repair.repair import Config, Repair

_MODES = {
    "sum": "Add",
    "add": "Add",
    "mul": "Multiply",
    "ave": "Average",
    "max": "Maximum",
    "concat": "Concatenate",
    "dot": "Dot",
}


def fix(config: Config) -> Iterator[str]:
    """Rewrite every Merge; other modes (cos, code) keep their class and are refused by name."""
    for node in list(nodes(config)):
        layers = node["config"].get("layers")
        if isinstance(layers, list) and layers and layers[0].get("class_name") == "Merge":
            yield from _branches(node, layers)
    for node in list(nodes(config)):
        if node["class_name"] == "Merge" and node["config"].get("mode") in _MODES:
            yield name(node)
            _merge(node)


def _merge(node: Node) -> None:
    old: Config = node["config"]
    new: Config = {"name": old.get("name")}
    if old["mode"] == "concat":
        new["axis"] = old.get("concat_axis", -1)
    if old["mode"] == "dot":
        axes = old.get("dot_axes", -1)
        new["axes"] = (
            [a[0] if isinstance(a, list) else a for a in axes] if isinstance(axes, list) else axes
        )
    node["class_name"], node["config"] = _MODES[old["mode"]], new


def _branches(node: Node, layers: list[Node]) -> Iterator[str]:
    """Rewrite a Sequential that begins by merging others as a Model of those and its layers."""
    merge, *rest = layers
    branches = merge["config"].pop("layers", None)
    if not branches:
        return
    named = [(f"branch_{i}", branch) for i, branch in enumerate(branches)]
    graph: list[Node] = []
    inputs, ends = [], []
    for title, branch in named:
        shape = _input_shape(branch)
        if shape is None:
            return
        entry = f"{title}_input"
        graph.append(
            _placed("InputLayer", {"name": entry, "batch_input_shape": shape}, entry, None)
        )
        inputs.append([entry, 0, 0])
        last = entry
        for layer in _flat(branch):
            last = _append(graph, layer, [last])
        ends.append(last)
    last = _append(graph, merge, ends)
    for layer in rest:
        last = _append(graph, layer, [last])
    title = node["config"].get("name", "model")
    node["class_name"] = "Model"
    node["config"] = {
        "name": title,
        "layers": graph,
        "input_layers": inputs,
        "output_layers": [[last, 0, 0]],
    }
    yield name(merge)


def _flat(branch: Node) -> list[Node]:
    inner = branch["config"]
    layers = inner if isinstance(inner, list) else inner.get("layers", [branch])
    return [layer for layer in layers if layer["class_name"] != "InputLayer"]


def _input_shape(branch: Node) -> list[int | None] | None:
    inner = branch["config"]
    layers = inner if isinstance(inner, list) else inner.get("layers", [branch])
    shape = layers[0]["config"].get("batch_input_shape") if layers else None
    return shape if isinstance(shape, list) else None


def _append(graph: list[Node], layer: Node, sources: list[str]) -> str:
    config = {k: v for k, v in layer["config"].items() if k != "batch_input_shape"}
    title = str(config.get("name") or f"layer_{len(graph)}")
    graph.append(_placed(layer["class_name"], config | {"name": title}, title, sources))
    return title


def _placed(kind: str, config: Config, title: str, sources: list[str] | None) -> Node:
    inbound = [[[source, 0, 0, {}] for source in sources]] if sources else []
    return {"class_name": kind, "config": config, "name": title, "inbound_nodes": inbound}


MERGE = Repair("Merge layers", "Merge layers of Keras 1 were read as Add, Concatenate, …", fix)

"""A frozen graph as a model: called by importing it, cut to what its outputs need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from litesmith.data import TensorSpec
from litesmith.sources.graphdef import Frozen
from litesmith.sources.loaded import Loaded, NamedTensors

# What control edges may hang on these for is a side effect, of which a frozen graph has none.
_EFFECTS = ("NoOp", "Assert", "Print", "PrintV2")


def from_graph(
    loader: str,
    frozen: Frozen,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[str],
    *,
    owner: Any = None,
    resources: Mapping[str, Any] | None = None,
    original: Callable[[Sequence[Any]], list[Any]] | None = None,
    notes: tuple[str, ...] = (),
    key: str = "serving_default",
) -> Loaded:
    """Return a frozen graph as a model.

    Args:
        loader: what to report as its loader.
        frozen: the graph.
        inputs: name, shape and type of each feed.
        outputs: the name of each fetch.
        owner: keeps alive what `original` needs.
        resources: further feeds: tables that could not become constants.
        original: answers in place of the graph, when the graph is a rewritten form.
        notes: sentences the user should read.
        key: of the signature that the file gets.
    """
    more = dict(resources or {})
    whole = Frozen(frozen.graph, (*frozen.feeds, *more), frozen.fetches)
    pruned = pruned_to(whole)

    def call(tensors: Sequence[Any]) -> NamedTensors:
        import tensorflow as tf

        handles = map(tf.compat.v1.get_default_graph().capture, more.values())
        fed = dict(zip(pruned.feeds, (*tensors, *handles), strict=True))
        results = tf.import_graph_def(pruned.graph, fed, list(pruned.fetches), name="")
        return list(zip(outputs, results, strict=True))

    return Loaded(
        loader, tuple(inputs), call, owner, notes, key=key, legacy=True, original=original
    )


def pruned_to(frozen: Frozen) -> Frozen:
    """Return the part of a graph between its feeds and its fetches; feeds become placeholders."""
    nodes = {node.name: node for node in frozen.graph.node}
    tensor = imported(frozen.graph).get_tensor_by_name
    stand_ins = {tensor_name(feed): f"fed_{i}" for i, feed in enumerate(frozen.feeds)}
    part = type(frozen.graph)()
    part.versions.CopyFrom(frozen.graph.versions)
    part.library.CopyFrom(frozen.graph.library)
    for feed, name in stand_ins.items():
        node = part.node.add(name=name, op="Placeholder")
        node.attr["dtype"].type = tensor(feed).dtype.as_datatype_enum
        node.attr["shape"].shape.unknown_rank = True
    for name in between(nodes, stand_ins, frozen.fetches):
        node = part.node.add()
        node.CopyFrom(nodes[name])
        del node.input[:]
        node.input.extend(_rewired(nodes[name].input, stand_ins, nodes))
        node.ClearField("device")
        node.attr.pop("_class", None)  # colocation with nodes that may be gone
    feeds = tuple(f"{name}:0" for name in stand_ins.values())
    fetches = (
        f"{stand_ins[tensor_name(f)]}:0" if tensor_name(f) in stand_ins else f
        for f in frozen.fetches
    )
    return Frozen(part, feeds, tuple(fetches))


def between(
    nodes: Mapping[str, Any], feeds: Iterable[str], fetches: Iterable[str]
) -> dict[str, None]:
    """Return the names of the nodes from which fetches are computed, given the feeds."""
    fed = {tensor_name(feed) for feed in feeds}
    found: dict[str, None] = {}
    todo = [f for f in map(tensor_name, fetches) if f not in fed]
    while todo:
        name = node_name(todo.pop())
        if name in found or name not in nodes:
            continue
        found[name] = None
        todo += [
            source
            for source in nodes[name].input
            if tensor_name(source) not in fed and not _effect(source, nodes)
        ]
    return found


def tensor_name(name: str) -> str:
    """Return `op:0` for `op`; control edges stay as they are."""
    return name if ":" in name or name.startswith("^") else f"{name}:0"


def node_name(tensor: str) -> str:
    """Return the op of a tensor or control edge."""
    return tensor.lstrip("^").split(":")[0]


def imported(definition: Any) -> Any:
    """Return the `tf.Graph` of a GraphDef, with inferred shapes."""
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        tf.import_graph_def(definition, name="")
    return graph


def _effect(source: str, nodes: Mapping[str, Any]) -> bool:
    return source.startswith("^") and (
        node_name(source) not in nodes or nodes[node_name(source)].op in _EFFECTS
    )


def _rewired(
    inputs: Iterable[str], stand_ins: Mapping[str, str], nodes: Mapping[str, Any]
) -> list[str]:
    kept = [name for name in inputs if not _effect(name, nodes)]
    fed = {node_name(feed) for feed in stand_ins}
    return [
        stand_ins.get(tensor_name(name), name)
        for name in kept
        if not (name.startswith("^") and node_name(name) in fed)
    ]

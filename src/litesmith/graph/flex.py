"""Select-TF ("Flex") ops: custom ops that carry a TensorFlow node in their options."""

from __future__ import annotations

from litesmith.graph.model import Graph, Op

PREFIX = "CUSTOM:Flex"


def is_flex(op: Op) -> bool:
    """Return True for an op that needs TensorFlow's own kernel."""
    return op.kind.startswith(PREFIX)


def flex_ops(graph: Graph) -> tuple[str, ...]:
    """Return the kinds of select-TF op of a file, as TensorFlow calls them, each once."""
    found = (op for part in graph.graphs() for op in part.ops if is_flex(op))
    return tuple(dict.fromkeys(op.kind.removeprefix(PREFIX) for op in found))


def flex_node(op: Op) -> bytes:
    """Return the serialized `NodeDef` of a select-TF op: the second item of its options.

    Raises:
        ValueError: the options are damaged.
    """
    from flatbuffers import flexbuffers

    items = flexbuffers.Loads(op.custom_options or b"")
    if not isinstance(items, list) or len(items) < 2:
        raise ValueError("options of a select-TF op")
    stored = items[1]
    return stored.encode("latin-1") if isinstance(stored, str) else bytes(stored)

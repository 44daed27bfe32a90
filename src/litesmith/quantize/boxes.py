"""Arithmetic on boxes in front of TFLite_Detection_PostProcess stays float.

The op itself reads float32. What prepares boxes for it, as corners or logarithms of sizes, is a few
element-wise ops on four columns; as int8 each would round to a 255th of the image, or worse.
"""

from __future__ import annotations

from litesmith.graph import Graph, Op
from litesmith.graph.detections import DETECTIONS
from litesmith.graph.edit import producers, users

_ARITHMETIC = frozenset({
    "ADD", "SUB", "MUL", "MAXIMUM", "LOG", "EXP", "CONCATENATION", "GATHER", "RESHAPE",
    "STRIDED_SLICE", "SPLIT",
})  # fmt: skip
_REASON = "it is arithmetic on boxes, which eight bits would round to steps of the image"


def box_arithmetic(graph: Graph) -> dict[Op, str]:
    """Return the ops in front of the op for detections that stay float, and why."""
    made_by, read_by = producers(graph), users(graph)
    found: dict[Op, str] = {}
    for op in graph.ops:
        boxes = op.input(0) if op.kind == DETECTIONS else None
        todo = [boxes] if boxes is not None else []
        while todo:
            tensor = todo.pop()
            maker = made_by.get(tensor)
            readers = read_by.get(tensor, [])
            if maker is None or maker.kind not in _ARITHMETIC or tensor in graph.outputs:
                continue
            if all(reader is op or reader in found for reader in readers):
                found[maker] = _REASON
                todo += [t for t in maker.inputs if t is not None and not t.is_constant]
    return found

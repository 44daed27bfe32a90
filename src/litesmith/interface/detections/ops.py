"""The ops of `--nms`.

The op decodes boxes that are relative to anchors: center = encoded · anchor size + anchor center,
size = exp(encoded) · anchor size. Boxes without anchors are encoded for unit anchors: the center as
it is, the size as its logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from litesmith.data import Array, TensorSpec
from litesmith.errors import ConversionError
from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.build import make_constant, make_op
from litesmith.graph.detections import DETECTIONS, detection_options
from litesmith.interface.detections import oracle
from litesmith.interface.detections.options import (
    CENTERS,
    CORNERS,
    Detections,
    read_anchors,
)
from litesmith.interface.detections.seen import matched
from litesmith.interface.ends import output_at, with_outputs
from litesmith.interface.translation import Batch, Reshaped, Specs, Translation

NAMES = ("boxes", "classes", "scores", "count")
_UNIT_ANCHOR = np.array([0, 0, 1, 1], np.float32)
_SMALLEST = 1e-20  # size of a box whose corners are equal, or swapped


@dataclass
class _Ops:
    """Collects ops on (1, n, ·) values."""

    made: list[Op] = field(default_factory=list)

    def add(
        self, kind: str, inputs: list[Tensor], columns: int, name: str, **options: Any
    ) -> Tensor:
        count = inputs[0].shape[1]
        out = Tensor(f"detections/{name}", (1, count, columns))
        self.made.append(make_op(kind, inputs, (out,), **options))
        return out


def detections(graph: Graph, given: Detections) -> Reshaped:
    """Return the graph with boxes, classes, scores and count in front of its other outputs.

    Raises:
        InputError: no such outputs or anchors. ConversionError: they are not boxes and scores.
    """
    places = (
        output_at(graph, given.boxes, "--nms boxes"),
        output_at(graph, given.scores, "--nms scores"),
    )
    ops = _Ops()
    boxes, scores = (_rows(ops, graph.outputs[place], place) for place in places)
    count = _refuse_others(given, boxes, scores)
    anchors = read_anchors(given.anchors, count) if given.anchors else None
    outputs = _post_process(ops, _encoded(ops, boxes, given), scores, anchors, given)
    return _put(graph, given, places, outputs, ops, anchors)


def _post_process(
    ops: _Ops, boxes: Tensor, scores: Tensor, anchors: Array | None, given: Detections
) -> tuple[Tensor, ...]:
    """Add the op itself; return boxes, classes, scores and count."""
    count, width = scores.shape[1:]
    values = np.tile(_UNIT_ANCHOR, (count, 1)) if anchors is None else anchors
    parts = zip(NAMES, _shapes(given), strict=True)
    outputs = tuple(Tensor(f"detections/{name}", shape) for name, shape in parts)
    options = detection_options(
        max_detections=given.max,
        num_classes=width - int(given.background),
        score=given.score,
        iou=given.iou,
        scales=given.scales,
        regular=not given.fast,
    )
    inputs = (boxes, scores, make_constant("detections/anchors", values))
    ops.made.append(Op(DETECTIONS, inputs, outputs, custom_options=options))
    return outputs


def _shapes(given: Detections) -> tuple[tuple[int, ...], ...]:
    return ((1, given.max, 4), (1, given.max), (1, given.max), (1,))


def _put(
    graph: Graph,
    given: Detections,
    places: tuple[int, int],
    outputs: tuple[Tensor, ...],
    ops: _Ops,
    anchors: Array | None,
) -> Reshaped:
    names = graph.output_names()
    others = [i for i in range(len(names)) if i not in places]
    named = [*zip(NAMES, outputs, strict=True), *((names[i], graph.outputs[i]) for i in others)]
    shaped = with_outputs(graph, named, ops.made)
    translation = _translation(given, places, others, anchors)
    how = "all classes together" if given.fast else "class by class"
    return Reshaped(shaped, f"at most {given.max} detections, {how}", translation)


def _rows(ops: _Ops, tensor: Tensor, place: int) -> Tensor:
    """Return a value of n rows as (1, n, columns)."""
    if tensor.is_dynamic or len(tensor.shape) < 2 or tensor.dtype is not DType.FLOAT32:
        raise ConversionError(
            f"--nms: '{tensor.name}' is {tensor.dtype.value}{list(tensor.shape)}, and boxes and "
            "scores are float32 of fixed shape (1, n, 4) and (1, n, classes).",
            "Export with --batch 1 and fixed sizes.",
        )
    if len(tensor.shape) == 3 and tensor.shape[0] == 1:
        return tensor
    shape = (1, int(np.prod(tensor.shape[:-1])), tensor.shape[-1])
    out = Tensor(f"detections/rows{place}", shape)
    new = make_constant(f"{out.name}/shape", shape, DType.INT32)
    ops.made.append(make_op("RESHAPE", (tensor, new), (out,), new_shape=shape))
    return out


def _refuse_others(given: Detections, boxes: Tensor, scores: Tensor) -> int:
    """Return the number of boxes.

    Raises:
        ConversionError: they do not go together.
    """
    count, width = scores.shape[1:]
    if given.boxes == given.scores or boxes.shape[1] != count or boxes.shape[2] < 4:
        raise ConversionError(
            f"--nms: boxes {list(boxes.shape)} and scores {list(scores.shape)} do not go together.",
            "They are two outputs, (1, n, 4) and (1, n, classes).",
        )
    if width <= int(given.background):
        raise ConversionError("--nms: no class is left beside the background.")
    return count


def _encoded(ops: _Ops, boxes: Tensor, given: Detections) -> Tensor:
    """Return boxes as the op decodes them."""
    if given.anchors:
        return boxes if given.form == "yxhw" else _columns(ops, boxes, CENTERS[given.form], "yxhw")
    if given.form in CENTERS:
        center = _columns(ops, boxes, CENTERS[given.form][:2], "center")
        size = _columns(ops, boxes, CENTERS[given.form][2:], "size")
    else:
        low = _columns(ops, boxes, CORNERS[given.form][:2], "low")
        high = _columns(ops, boxes, CORNERS[given.form][2:], "high")
        half = make_constant("detections/half", 0.5)
        center = ops.add("MUL", [ops.add("ADD", [low, high], 2, "sum"), half], 2, "center")
        size = ops.add("SUB", [high, low], 2, "size")
    smallest = make_constant("detections/smallest", _SMALLEST)
    positive = ops.add("MAXIMUM", [size, smallest], 2, "positive")
    logarithm = ops.add("LOG", [positive], 2, "log")
    return ops.add("CONCATENATION", [center, logarithm], 4, "encoded", axis=2)


def _columns(ops: _Ops, tensor: Tensor, columns: tuple[int, ...], name: str) -> Tensor:
    chosen = make_constant(f"detections/{name}/columns", columns, DType.INT32)
    return ops.add("GATHER", [tensor, chosen], len(columns), name, axis=2)


def _translation(
    given: Detections, places: tuple[int, int], others: list[int], anchors: Array | None
) -> Translation:
    def read(old: Specs) -> Specs:
        new = [
            TensorSpec(n, shape, "float32", holds="detections")
            for n, shape in zip(NAMES, _shapes(given), strict=True)
        ]
        return (*new, *(old[i] for i in others))

    def answer(batch: Batch) -> list[Array]:
        boxes, scores = (batch[place].reshape(len(batch[place]), -1, batch[place].shape[-1])
                         for place in places)  # fmt: skip
        rows = [
            oracle.detect(oracle.decode(b, anchors, given), s, given)
            for b, s in zip(boxes, scores, strict=True)
        ]
        return [*map(np.stack, zip(*rows, strict=True)), *(batch[i] for i in others)]

    def seen(answers: Batch, before: Batch) -> list[Array]:
        return [*matched(answers[:4], answer(before)[:4]), *answers[4:]]

    return Translation(read=read, answer=answer, seen=seen)

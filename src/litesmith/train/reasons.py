"""When training is not the answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from litesmith.graph import Array, Graph
from litesmith.graph.heads import heads
from litesmith.train.nouns import Settings
from litesmith.train.parameters import weights_of

_FEWEST = 8


def reason_against(
    teacher: Graph, student: Graph, examples: Sequence[Array], settings: Settings
) -> str | None:
    """Return why nothing is to be learned from this, None where something may be."""
    count = len(examples[0]) if examples else 0
    if not examples or count == 0:
        return "there are no examples to learn from"
    if count < _FEWEST:
        return f"{count} examples are too few to learn from; {_FEWEST} are the least"
    if settings.labels is not None and len(settings.labels) != count:
        return f"there are {len(settings.labels)} labels for {count} examples"
    if all(_constant(x) for x in examples):
        return "all examples are the same"
    if not any(True for _ in weights_of(student)):
        return "the model has no weights to train"
    if settings.loss is None and not any(t.quant is not None for t in student.tensors()):
        return "nothing of the model is quantized: it answers as the float model already"
    if not any(head.tensor.dtype.is_float for head in heads(teacher, votes=True)):
        return (
            "all its outputs are integers, from which nothing is learned; "
            "export without --head, or with --head keep"
        )
    return None


def _constant(values: Array) -> bool:
    return all(np.array_equal(one, values[0]) for one in values)

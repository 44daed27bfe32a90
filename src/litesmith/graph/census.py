"""Count what a file is made of: ops, ops that compute in float, bits of the weights."""

from __future__ import annotations

from collections import Counter

from litesmith.graph.edit import producers
from litesmith.graph.facts import FACTS
from litesmith.graph.model import Graph, Op, Tensor
from litesmith.graph.packed import only_fills, packed_weights

# Where ops without a `Weights` row keep what a user would call weights.
_TABLES: dict[str, tuple[int, ...]] = {
    "GATHER": (0,),
    "EMBEDDING_LOOKUP": (1,),
    "BATCH_MATMUL": (0, 1),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": tuple(range(1, 12)),
    "SVDF": (1, 2),
}
_CONTROL = frozenset({"WHILE", "IF", "CALL_ONCE", "CALL"})
# Ops that may touch float tensors and do no arithmetic with what is in them: the first two look at
# the shape alone, FILL repeats one number.
READS_SHAPE = frozenset({"SHAPE", "RANK"})
_NO_ARITHMETIC = READS_SHAPE | {"FILL"}


def op_counts(graph: Graph) -> dict[str, int]:
    """Return how often each op kind occurs, called graphs included, most frequent first."""
    counts = Counter(op.kind for sub in graph.graphs() for op in sub.ops)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def float_ops(graph: Graph) -> tuple[Op, ...]:
    """Return the ops that compute in float, called graphs included.

    QUANTIZE at the file's own inputs and DEQUANTIZE at its own outputs do not count, nor do
    control flow itself, arithmetic on shapes, and float tensors that are filled with one number.
    """
    inputs, outputs = set(graph.inputs), set(graph.outputs)

    def counts(op: Op) -> bool:
        if not computes_in_float(op):
            return False
        if op.kind == "QUANTIZE" and op.inputs[0] in inputs:
            return False
        return not (op.kind == "DEQUANTIZE" and op.outputs[0] in outputs)

    return tuple(op for sub in graph.graphs() for op in sub.ops if counts(op))


def weights_bits(graph: Graph) -> dict[str, int]:
    """Return bits → number of weight elements stored with that many bits, without biases.

    Packed weights count as the bits that tell their values apart: 1, 2 (-1, 0, 1) or 3.
    """
    counts: Counter[str] = Counter()
    seen: set[int] = set()
    packed = packed_weights(graph)
    for tensor in {t for op in graph.ops if _reads_weights(op) for t in op.inputs if t in packed}:
        counts[str(packed[tensor].bits)] += packed[tensor].values.size
    for sub in graph.graphs():
        made_by = producers(sub)
        if packed and sub is not graph and only_fills(sub):
            continue
        for op in sub.ops:
            for tensor in _weights(op, made_by):
                key = tensor.data.__array_interface__["data"][0] if tensor.data is not None else 0
                if key not in seen and tensor.data is not None:
                    seen.add(key)
                    counts[str(tensor.dtype.bits)] += tensor.data.size
    return dict(sorted(counts.items(), key=lambda item: int(item[0])))


def _reads_weights(op: Op) -> bool:
    row = FACTS.get(op.kind)
    return row is not None and row.weights is not None


def _weights(op: Op, made_by: dict[Tensor, Op]) -> list[Tensor]:
    row = FACTS.get(op.kind)
    positions = (row.weights.index,) if row and row.weights else _TABLES.get(op.kind, ())
    found = []
    for position in positions:
        tensor = op.input(position)
        maker = made_by.get(tensor) if tensor is not None else None
        if maker is not None and maker.kind == "DEQUANTIZE":
            tensor = maker.inputs[0]
        if tensor is not None and tensor.is_constant:
            found.append(tensor)
    return found


def computes_in_float(op: Op) -> bool:
    """Return whether an op does arithmetic with float numbers, or moves them."""
    return op.kind not in _CONTROL | _NO_ARITHMETIC and any(
        t is not None and t.dtype.is_float for t in (*op.inputs, *op.outputs)
    )

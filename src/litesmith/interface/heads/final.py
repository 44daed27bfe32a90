"""The activation that an output ends in, seen through ops that leave the order of values alone."""

from __future__ import annotations

from dataclasses import dataclass

from litesmith.errors import ConversionError
from litesmith.graph import DType, Graph, Op, Tensor
from litesmith.graph.edit import fresh_name, producers

_SAME_ORDER = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS"})
_ACTIVATIONS = frozenset({"SOFTMAX", "LOG_SOFTMAX", "LOGISTIC"})


@dataclass(frozen=True)
class Final:
    """The end of the way to an output.

    Attributes:
        op: what computes the values.
        carriers: ops from there to the output that only give them another shape, in order.
    """

    op: Op
    carriers: tuple[Op, ...]

    @property
    def activation(self) -> str:
        """SOFTMAX, LOG_SOFTMAX or LOGISTIC; "" for an op that is none of them."""
        return self.op.kind if self.op.kind in _ACTIVATIONS else ""

    @property
    def row(self) -> int:
        """Number of values that a softmax normalizes together."""
        shape = self.op.outputs[0].shape
        return shape[-1] if shape else 1

    def carried(self, tensor: Tensor, tag: str) -> tuple[Tensor, tuple[Op, ...]]:
        """Return what the carriers make of another tensor of the op's shape, and those ops."""
        made = []
        for op in self.carriers:
            out = op.outputs[0].with_(name=fresh_name(op.outputs[0].name, tag))
            made.append(op.with_(inputs=(tensor, *op.inputs[1:]), outputs=(out,)))
            tensor = out
        return tensor, tuple(made)


def final(graph: Graph, tensor: Tensor) -> Final | None:
    """Return what computes an output; None for an input or a constant."""
    made_by = producers(graph)
    carriers: list[Op] = []
    while (op := made_by.get(tensor)) is not None and op.kind in _SAME_ORDER:
        source = op.inputs[0]
        if source is None:
            return None
        carriers.append(op)
        tensor = source
    return None if op is None else Final(op, tuple(reversed(carriers)))


def refuse_others(tensor: Tensor, head: str, rank: int = 1) -> None:
    """Refuse an output that holds no real numbers, or has fewer axes than the head needs.

    Args:
        tensor: the output.
        head: as in `--head`.
        rank: the fewest axes, batch included.

    Raises:
        ConversionError: it does not fit.
    """
    if len(tensor.shape) >= rank and tensor.dtype is DType.FLOAT32:
        return
    needs = "float32 values" if rank < 2 else "several float32 values per example"
    raise ConversionError(
        f"--head {head} needs an output of {needs}, and '{tensor.name}' is "
        f"{tensor.dtype.value}{list(tensor.shape)}.",
        f"Name the outputs it is meant for: --head NAME:{head}.",
    )

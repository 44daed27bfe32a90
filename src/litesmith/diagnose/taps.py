"""Every tensor of a graph on the same examples: intermediate tensors promoted to outputs."""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.graph import Array, DType, Graph, Op, Tensor, write
from litesmith.runtime import Session

_INTEGERS = frozenset({DType.INT8, DType.UINT8, DType.INT16})


def is_real(tensor: Tensor) -> bool:
    """Return whether a tensor stands for real numbers, as floats or as quantized integers."""
    if tensor.dtype is DType.FLOAT32:
        return True
    quant = tensor.quant
    return tensor.dtype in _INTEGERS and quant is not None and quant.scale.size == 1


def computed(graph: Graph) -> tuple[tuple[Tensor, Op], ...]:
    """Return the real-valued results of the main graph's ops, in the order of execution.

    Constants that the runtime expands when it loads the file are none, nor is state.
    """
    found: list[tuple[Tensor, Op]] = []
    for op in graph.ops:
        if all(t is None or t.is_constant for t in op.inputs):
            continue
        found += [(t, op) for t in op.outputs if is_real(t) and not t.is_variable]
    return tuple(found)


class Taps:
    """A loaded graph whose chosen tensors can be read.

    Args:
        graph: float or quantized.
        tensors: what to read.

    Raises:
        LoadError: LiteRT refuses the graph.
    """

    def __init__(self, graph: Graph, tensors: Sequence[Tensor]) -> None:
        self.tensors = tuple(tensors)
        outputs = tuple(tensors) or graph.outputs
        alone = graph.with_(outputs=outputs, signatures=(), siblings=(), metadata=(), files=())
        self._session = Session(write(alone))

    def run(self, batch: Sequence[Array]) -> list[Array]:
        """Return the tensors' real values, (k, *example_shape) each; k examples one by one."""
        return self._session.run(batch)

    def stored(self, batch: Sequence[Array]) -> list[list[Array]]:
        """Return what the tensors hold, integers as such: per example a list of arrays."""
        from litesmith.runtime import quantize

        fed = [quantize(x, p) for x, p in zip(batch, self._session.inputs, strict=True)]
        found = []
        for example in self._session.invocations(fed):
            self._session.reset()
            self._session.feed(example)
            self._session.invoke()
            found.append(self._session.fetch())
        return found

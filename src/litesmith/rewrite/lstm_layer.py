"""An LSTM layer over a sequence, whatever form it has in a graph.

Algebra (what Keras, TensorFlow's converter and the fused kernel all compute), σ the sigmoid, a one
activation for both places:
    i, f, g, o = rows of W·x[t] + R·h[t−1] + b
    c[t] = σ(f)·c[t−1] + σ(i)·a(g)            h[t] = σ(o)·a(c[t])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from litesmith.graph import Array, DType, Op, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import View, dims
from litesmith.rewrite.layouts import SHAPERS, order_of, permuted, reshaped

# Ops that can be an LSTM's activation, as the fused op's option names them.
ACTIVATIONS: Mapping[str, int] = {
    "TANH": Activation.TANH,
    "RELU": Activation.RELU,
    "RELU6": Activation.RELU6,
    "RELU_N1_TO_1": Activation.RELU_N1_TO_1,
}


@dataclass(frozen=True)
class Lstm:
    """One LSTM over a sequence.

    Attributes:
        x: float32 [steps, batch, features], or [batch, steps, features] if not `time_major`.
        time_major: the first axis is time.
        weights: W, float32 [4·units, features]; gates in the order i, f, g, o, here and below.
        recurrent: R, float32 [4·units, units].
        bias: b, float32 [4·units].
        activation: a, as in `Activation`.
        h: state before the first step, [batch, units]: constant, computed, or a variable tensor.
        c: cell state before the first step, likewise.
    """

    x: Tensor
    time_major: bool
    weights: Array
    recurrent: Array
    bias: Array
    activation: int
    h: Tensor
    c: Tensor

    @property
    def units(self) -> int:
        """Size of the state."""
        return int(self.recurrent.shape[1])

    @property
    def steps(self) -> int:
        """Length of the sequence."""
        return self.x.shape[0 if self.time_major else 1]

    @property
    def batch(self) -> int:
        """Sequences side by side."""
        return self.x.shape[1 if self.time_major else 0]

    @property
    def features(self) -> int:
        """Size of one step."""
        return self.x.shape[2]


def batch_first(lstm: Lstm, view: View) -> Lstm:
    """Return the layer as it reads its sequence before the change of layout, if there is one."""
    swap = view.maker(lstm.x, "TRANSPOSE", *SHAPERS) if lstm.time_major else None
    source = None if swap is None else swap.inputs[0]
    if swap is None or source is None:
        return lstm
    if swap.kind == "TRANSPOSE":
        swaps = order_of(swap) == (1, 0, 2)
    else:
        swaps = 1 in (lstm.batch, lstm.steps)
    sizes = (lstm.batch, lstm.steps, lstm.features)
    same = source.dtype is DType.FLOAT32 and dims(source) == sizes
    return replace(lstm, x=source, time_major=False) if swaps and same else lstm


def steps_first(lstm: Lstm, flat: Tensor, result: Tensor, like: Op) -> Op:
    """Return the op that makes [steps, batch, units] of [batch, steps, units]."""
    shaped = reshaped(flat, result, like) if 1 in (lstm.batch, lstm.steps) else None
    return shaped or permuted(flat, (1, 0, 2), result, like)

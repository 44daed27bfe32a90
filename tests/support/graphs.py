"""Builders of tiny graphs: constants, one-op graphs, random CNNs; LiteRT says the shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from litesmith.data import Examples, TensorSpec, load_examples
from litesmith.graph import DType, Graph, Op, Signature, Tensor, write
from litesmith.graph.build import make_op
from litesmith.quantize import annotate, calibrate, lower
from litesmith.runtime import Session

Array = npt.NDArray[Any]
SAME, VALID = 0, 1
RELU, RELU_N1_TO_1, RELU6 = 1, 2, 3


def tensor(name: str, shape: Sequence[int], dtype: DType = DType.FLOAT32, **more: Any) -> Tensor:
    """Return an activation."""
    return Tensor(name, tuple(shape), dtype, **more)


def const(value: Any, name: str = "const", dtype: DType | None = None) -> Tensor:
    """Return a constant; Python numbers become float32 or int32."""
    array = np.asarray(value)
    if dtype is None:
        narrow = {"float64": "float32", "int64": "int32"}
        listed = not isinstance(value, np.ndarray)
        name_of = narrow.get(array.dtype.name, array.dtype.name) if listed else array.dtype.name
        dtype = DType(name_of)
    return Tensor(name, array.shape, dtype, np.array(array, dtype.numpy, order="C"))


def make(
    kind: str,
    inputs: Sequence[Tensor | None],
    outputs: Sequence[Tensor],
    version: int = 1,
    **fields: Any,
) -> Op:
    """Return an op with the schema's default options."""
    return make_op(kind, inputs, outputs, version, **fields)


class Builder:
    """Collects ops; the shape of each result is what LiteRT computes."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.inputs: list[Tensor] = []
        self.ops: list[Op] = []

    def input(self, shape: Sequence[int], dtype: DType = DType.FLOAT32, name: str = "") -> Tensor:
        self.inputs.append(tensor(name or f"in{len(self.inputs)}", shape, dtype))
        return self.inputs[-1]

    def weights(self, *shape: int, scale: float = 1.0, name: str = "weights") -> Tensor:
        """Return a random normal constant."""
        return const(self.random.normal(0, scale, shape).astype(np.float32), name)

    def op(
        self,
        kind: str,
        *inputs: Tensor | None,
        count: int = 1,
        dtype: DType | tuple[DType, ...] | None = None,
        version: int = 1,
        **fields: Any,
    ) -> Any:
        """Add an op; return its result, or the tuple of them when `count` is not 1."""
        like = next((t.dtype for t in inputs if t is not None), DType.FLOAT32)
        names = [f"{kind.lower()}{len(self.ops)}" + (f"_{i}" if i else "") for i in range(count)]
        types = dtype if isinstance(dtype, tuple) else (dtype or like,) * count
        guess = tuple(tensor(n, (), t) for n, t in zip(names, types, strict=True))
        op = make(kind, inputs, guess, version, **fields)
        shapes = infer(op)
        outputs = tuple(t.with_(shape=s) for t, s in zip(guess, shapes, strict=True))
        self.ops.append(op.with_(outputs=outputs))
        return outputs if count != 1 else outputs[0]

    def graph(self, *outputs: Tensor, **more: Any) -> Graph:
        """Return the graph with these outputs."""
        return Graph(tuple(self.inputs), outputs, tuple(self.ops), **more)


def infer(op: Op) -> list[tuple[int, ...]]:
    """Return the shapes of an op's results, by running it on zeros."""
    fed = tuple(dict.fromkeys(t for t in op.inputs if t is not None and not t.is_constant))
    session = Session(write(Graph(fed, op.outputs, (op,))), kernels="builtin")
    session.feed([np.zeros(t.shape, t.dtype.numpy) for t in fed])
    session.invoke()
    return [value.shape for value in session.fetch()]


def one_op(kind: str, *inputs: Tensor | None, **more: Any) -> Graph:
    """Return a graph of one op; operands without data are its inputs."""
    builder = Builder()
    builder.inputs = list(dict.fromkeys(t for t in inputs if t is not None and not t.is_constant))
    made = builder.op(kind, *inputs, **more)
    return builder.graph(*(made if isinstance(made, tuple) else (made,)))


def named(graph: Graph, key: str = "serving_default") -> Graph:
    """Return the graph with a signature x0, x1 … → y0, y1 …."""
    inputs = tuple((f"x{i}", i) for i in range(len(graph.inputs)))
    outputs = tuple((f"y{i}", i) for i in range(len(graph.outputs)))
    return graph.with_(signatures=(Signature(key, inputs, outputs),))


def draw(
    graph: Graph,
    count: int = 4,
    seed: int = 0,
    low: float = -1.0,
    high: float = 1.0,
    bound: int = 2,
) -> list[Array]:
    """Return random examples, one array (count, *shape) per input, leading 1 kept.

    Floats are uniform in [low, high]; integers uniform in [0, bound).
    """
    random = np.random.default_rng(seed)
    drawn = []
    for t in graph.inputs:
        shape = (count, *t.shape)
        if t.dtype is DType.FLOAT32:
            drawn.append(random.uniform(low, high, shape).astype(np.float32))
        else:
            drawn.append(random.integers(0, bound, shape).astype(t.dtype.numpy))
    return drawn


def examples(graph: Graph, arrays: Sequence[Array] | None = None, **more: Any) -> Examples:
    """Return drawn arrays (leading 1 of each example dropped) as representative data."""
    arrays = draw(graph, **more) if arrays is None else arrays
    specs = [TensorSpec(f"x{i}", t.shape, t.dtype.value) for i, t in enumerate(graph.inputs)]
    shaped = {
        s.name: a.reshape(len(a), *(d or 1 for d in s.example_shape))
        for s, a in zip(specs, arrays, strict=True)
    }
    return load_examples(shaped, specs)


def integer(graph: Graph, data: Examples, ends: str = "float32") -> Graph:
    """Return the graph in int8 by ranges alone: no op is left in float for accuracy's sake."""
    whole = ends != "float32"
    return lower(annotate(graph, calibrate(graph, data), whole, whole), ends, ends)


def execute(graph: Graph, arrays: Sequence[Array], kernels: str = "builtin") -> list[Array]:
    """Return the graph's raw outputs per example, (count, *shape), nothing (de)quantized."""
    return Session(write(graph), kernels=kernels).raw(arrays)


def all_tensors(graph: Graph) -> Graph:
    """Return the graph with every computed float tensor as an output."""
    made = [t for t in graph.tensors() if t.dtype is DType.FLOAT32 and not t.is_constant]
    return graph.with_(outputs=tuple(made), signatures=())


def random_cnn(seed: int, layers: int = 6) -> Graph:
    """Return a random image classifier: convolutions, sums of shared tensors, pools, softmax."""
    b = Builder(seed)
    r = b.random
    x = b.input((1, int(r.integers(6, 12)), int(r.integers(6, 12)), int(r.integers(1, 5))))
    for _ in range(layers):
        x = _LAYERS[int(r.integers(len(_LAYERS)))](b, x)
    c = x.shape[-1]
    x = b.op("MEAN", x, const([1, 2]), keep_dims=False)
    x = b.op("FULLY_CONNECTED", x, b.weights(5, c, scale=c**-0.5), b.weights(5, scale=0.1))
    return named(b.graph(b.op("SOFTMAX", x, beta=1.0)))


def _geometry(b: Builder, x: Tensor) -> dict[str, int]:
    r = b.random
    stride = int(r.integers(1, 3)) if min(x.shape[1:3]) > 4 else 1
    return {
        "padding": int(r.integers(0, 2)) if min(x.shape[1:3]) > 4 else SAME,
        "stride_w": stride,
        "stride_h": stride,
        "fused_activation_function": int(r.choice([0, RELU, RELU6])),
    }


def _conv(b: Builder, x: Tensor) -> Tensor:
    c, k = x.shape[-1], int(b.random.choice([1, 3]))
    out = int(b.random.integers(2, 7))
    w = b.weights(out, k, k, c, scale=(k * k * c) ** -0.5)
    return b.op("CONV_2D", x, w, b.weights(out, scale=0.2), **_geometry(b, x))


def _depthwise(b: Builder, x: Tensor) -> Tensor:
    c = x.shape[-1]
    w = b.weights(1, 3, 3, c, scale=1 / 3)
    bias = b.weights(c, scale=0.2)
    return b.op("DEPTHWISE_CONV_2D", x, w, bias, depth_multiplier=1, **_geometry(b, x))


def _residual(b: Builder, x: Tensor) -> Tensor:
    c = x.shape[-1]
    w = b.weights(c, 3, 3, c, scale=(9 * c) ** -0.5)
    y = b.op("CONV_2D", x, w, b.weights(c, scale=0.2), padding=SAME, stride_w=1, stride_h=1)
    fused = int(b.random.choice([0, RELU]))
    return b.op("ADD", x, y, fused_activation_function=fused)


def _pool(b: Builder, x: Tensor) -> Tensor:
    kind = str(b.random.choice(["MAX_POOL_2D", "AVERAGE_POOL_2D"]))
    return b.op(kind, x, padding=SAME, stride_w=1, stride_h=1, filter_width=2, filter_height=2)


def _gate(b: Builder, x: Tensor) -> Tensor:
    return b.op("MUL", x, b.op("LOGISTIC", x))


_LAYERS: tuple[Callable[[Builder, Tensor], Tensor], ...] = (
    _conv,
    _depthwise,
    _residual,
    _pool,
    _gate,
)

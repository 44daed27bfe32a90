"""Random graphs of constant arithmetic among linear ops, pools and moves; how to compare them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from hypothesis import assume, currently_in_test_context
from hypothesis import strategies as st

from litesmith.errors import LoadError
from litesmith.graph import DType, Graph, Tensor, verify
from litesmith.graph.step import Outcome
from litesmith.rewrite import apply
from litesmith.rewrite.combine_constants import COMBINE_CONSTANTS
from litesmith.rewrite.engine import Family
from litesmith.rewrite.fold_backward import FOLD_BACKWARD
from litesmith.rewrite.fold_forward import FOLD_FORWARD
from litesmith.rewrite.scales_past_relu import SCALES_PAST_RELU
from tests.support.graphs import (
    RELU,
    RELU6,
    SAME,
    VALID,
    Array,
    Builder,
    all_tensors,
    const,
    draw,
    execute,
)

ALL = (COMBINE_CONSTANTS, FOLD_BACKWARD, FOLD_FORWARD, SCALES_PAST_RELU)


def kinds(graph: Graph) -> Counter[str]:
    return Counter(op.kind for op in graph.ops)


def check(graph: Graph, families: Sequence[Family] = ALL, tolerance: float = 1e-5) -> Graph:
    """Assert equal outputs, relative to the largest value on the way, and no more ops."""
    return checked(graph, families, tolerance).graph


def checked(graph: Graph, families: Sequence[Family] = ALL, tolerance: float = 1e-5) -> Outcome:
    outcome = apply(graph, families)
    after = verify(outcome.graph)
    assert len(after.ops) <= len(graph.ops)
    assert [(t.shape, t.shape_signature) for t in after.outputs] == [
        (t.shape, t.shape_signature) for t in graph.outputs
    ]
    assert not apply(after, families).done
    arrays: list[Array] = draw(graph, 2, low=-2.0, high=2.0)
    everything = execute(all_tensors(graph), arrays)
    scale = max((float(np.abs(v).max(initial=0)) for v in everything), default=0.0)
    if currently_in_test_context():
        assume(np.isfinite(scale) and scale < 1e8)
    wanted = execute(graph, arrays)
    for kernels in ("builtin", "default"):
        # XNNPACK itself is wrong on some graphs; a rewrite cannot be judged there.
        if _worst(wanted, execute(graph, arrays, kernels)) <= tolerance * max(scale, 1.0):
            assert _worst(wanted, execute(after, arrays, kernels)) <= tolerance * max(scale, 1.0)
    return outcome


def _worst(one: Sequence[Array], two: Sequence[Array]) -> float:
    for a, b in zip(one, two, strict=True):
        assert a.shape == b.shape
    return max(float(np.abs(a - b).max(initial=0)) for a, b in zip(one, two, strict=True))


def factors(b: Builder, *shape: int, positive: bool = False) -> Tensor:
    """Return factors that are far from zero."""
    values = b.random.uniform(0.3, 2.0, shape)
    if not positive:
        values = values * b.random.choice([-1.0, 1.0], shape)
    return const(values.astype(np.float32), "factors")


def scaled(
    b: Builder, x: Tensor, positive: bool = True, fused: int = 0, shift: bool = True
) -> Tensor:
    """Return a batch norm: MUL and ADD with statistics that are not trivial."""
    c = x.shape[-1]
    y = b.op(
        "MUL",
        x,
        factors(b, c, positive=positive),
        fused_activation_function=0 if shift else fused,
    )
    return b.op("ADD", y, b.weights(c), fused_activation_function=fused) if shift else y


def conv(b: Builder, x: Tensor, out: int = 5, k: int = 3, fused: int = 0, **more: int) -> Tensor:
    c = x.shape[-1] // more.pop("groups", 1)
    bias = b.weights(out, scale=0.3)
    geometry = {"padding": SAME, "stride_w": 1, "stride_h": 1} | more
    w = b.weights(out, k, k, c, scale=(k * k * c) ** -0.5)
    return b.op("CONV_2D", x, w, bias, fused_activation_function=fused, **geometry)


def depthwise(b: Builder, x: Tensor, m: int = 1, k: int = 3, fused: int = 0, **more: int) -> Tensor:
    c = x.shape[-1] * m
    geometry = {"padding": SAME, "stride_w": 1, "stride_h": 1} | more
    w = b.weights(1, k, k, c, scale=1 / k)
    return b.op(
        "DEPTHWISE_CONV_2D",
        x,
        w,
        b.weights(c, scale=0.3),
        depth_multiplier=m,
        fused_activation_function=fused,
        **geometry,
    )


def dense(
    b: Builder, x: Tensor, out: int = 6, size: int = 0, fused: int = 0, bias: bool = True
) -> Tensor:
    size = size or x.shape[-1]
    w = b.weights(out, size, scale=size**-0.5)
    keep = len(x.shape) > 2 and size == x.shape[-1]
    return b.op(
        "FULLY_CONNECTED",
        x,
        w,
        b.weights(out, scale=0.3) if bias else None,
        keep_num_dims=keep,
        fused_activation_function=fused,
    )


def transpose_conv(b: Builder, x: Tensor, out: int = 3, bias: bool = False) -> Tensor:
    n, h, w, c = x.shape
    weights = b.weights(out, 3, 3, c, scale=(9 * c) ** -0.5)
    more = [b.weights(out)] if bias else []
    size = const([n, 2 * h, 2 * w, out])
    return b.op(
        "TRANSPOSE_CONV",
        size,
        weights,
        x,
        *more,
        dtype=DType.FLOAT32,
        version=3,
        padding=SAME,
        stride_w=2,
        stride_h=2,
    )


def conv3d(b: Builder, x: Tensor, out: int = 4, k: int = 2, padding: int = VALID) -> Tensor:
    c = x.shape[-1]
    w = b.weights(k, k, k, c, out, scale=(k**3 * c) ** -0.5)
    one = {"stride_d": 1, "stride_h": 1, "stride_w": 1}
    return b.op("CONV_3D", x, w, b.weights(out), padding=padding, **one)


def pool(b: Builder, x: Tensor, kind: str, padding: int = VALID, fused: int = 0) -> Tensor:
    return b.op(
        kind,
        x,
        padding=padding,
        stride_w=2,
        stride_h=2,
        filter_width=2,
        filter_height=2,
        fused_activation_function=fused,
    )


_INPUTS = ((2, 4), (1, 6), (2, 3, 4), (1, 5, 6, 3), (2, 4, 4, 4), (1, 3, 4, 4, 2))
_FUSED = st.sampled_from([0, 0, 0, RELU, RELU6])


@st.composite
def affine_graphs(draw_: st.DrawFn) -> Graph:
    """A random graph around the patterns, with shared tensors and further outputs."""
    b = Builder(draw_(st.integers(0, 999)))
    pool_: list[Tensor] = [b.input(draw_(st.sampled_from(_INPUTS)))]
    for _ in range(draw_(st.integers(2, 9))):
        x = pool_[-1] if draw_(st.integers(0, 3)) else draw_(st.sampled_from(pool_[-3:]))
        others = [t for t in pool_ if t.shape == x.shape]
        made = _next(draw_, b, x, draw_(st.sampled_from(others)))
        if made is not None:
            pool_.append(made)
    assume(b.ops)
    results = [t for op in b.ops for t in op.outputs]
    extra = draw_(st.lists(st.sampled_from(results), max_size=1, unique_by=id))
    return b.graph(*dict.fromkeys([results[-1], *extra]))


def _next(draw_: st.DrawFn, b: Builder, x: Tensor, y: Tensor) -> Tensor | None:
    if draw_(st.integers(0, 2)):
        return _arithmetic(draw_, b, x)
    rank = len(x.shape)
    menu = [*_ANY, *(_IMAGES if rank == 4 else ()), *(_VOLUMES if rank == 5 else ())]
    count = len(b.ops)
    try:
        made = draw_(st.sampled_from(menu))(draw_, b, x, y)
        if made.shape and np.prod(made.shape):
            return made
    except LoadError:
        pass  # LiteRT refuses the shape
    del b.ops[count:]  # kernels do not agree about values without elements
    return None


def _arithmetic(draw_: st.DrawFn, b: Builder, x: Tensor) -> Tensor:
    kind = draw_(st.sampled_from(["MUL", "MUL", "ADD", "ADD", "SUB", "DIV", "NEG"]))
    if kind == "NEG":
        return b.op("NEG", x)
    forms = [(), (1,), (x.shape[-1],), (1,) * (len(x.shape) - 1) + x.shape[-1:], x.shape]
    shape = draw_(st.sampled_from(forms))
    c = factors(b, *shape, positive=draw_(st.booleans()))
    swapped = kind != "DIV" and draw_(st.booleans())
    fused = draw_(_FUSED)
    return b.op(kind, *((c, x) if swapped else (x, c)), fused_activation_function=fused)


_Make = Callable[[st.DrawFn, Builder, Tensor, Tensor], Tensor]


def _geometry(draw_: st.DrawFn) -> dict[str, int]:
    stride = draw_(st.integers(1, 2))
    dilation = 1 if stride > 1 else draw_(st.integers(1, 2))
    return {
        "padding": draw_(st.sampled_from([SAME, VALID])),
        "stride_w": stride,
        "stride_h": stride,
        "dilation_w_factor": dilation,
        "dilation_h_factor": dilation,
        "fused": draw_(_FUSED),
        "k": draw_(st.sampled_from([1, 2, 3])),
    }


def _reshape(draw_: st.DrawFn, b: Builder, x: Tensor, y: Tensor) -> Tensor:
    n, size = x.shape[0], int(np.prod(x.shape[1:]))
    shape = draw_(
        st.sampled_from([(n, size), (n, size // x.shape[-1], x.shape[-1]), (n, 1, 1, size)])
    )
    return b.op("RESHAPE", x, const(list(shape)), new_shape=list(shape))


def _transpose(draw_: st.DrawFn, b: Builder, x: Tensor, y: Tensor) -> Tensor:
    return b.op("TRANSPOSE", x, const(draw_(st.permutations(range(len(x.shape))))))


def _concatenate(draw_: st.DrawFn, b: Builder, x: Tensor, y: Tensor) -> Tensor:
    z = b.weights(*x.shape) if x is y else y
    return b.op("CONCATENATION", x, z, axis=draw_(st.sampled_from([-1, len(x.shape) - 1, 0])))


def _pad(draw_: st.DrawFn, b: Builder, x: Tensor, y: Tensor) -> Tensor:
    pads = np.zeros((len(x.shape), 2), np.int32)
    pads[draw_(st.integers(1, len(x.shape) - 1))] = draw_(st.sampled_from([(0, 1), (1, 1)]))
    if draw_(st.booleans()):
        return b.op("PADV2", x, const(pads), const(np.float32(0.5)))
    return b.op("PAD", x, const(pads))


def _reduce(draw_: st.DrawFn, b: Builder, x: Tensor, y: Tensor) -> Tensor:
    axes = draw_(st.sampled_from([[1], [-1], list(range(1, max(2, len(x.shape) - 1)))]))
    kind = draw_(st.sampled_from(["MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN"]))
    return b.op(kind, x, const(axes), keep_dims=draw_(st.booleans()))


def _strided(draw_: st.DrawFn, b: Builder, x: Tensor, y: Tensor) -> Tensor:
    rank = len(x.shape)
    end = const([*x.shape[:-1], max(1, x.shape[-1] - draw_(st.integers(0, 1)))])
    return b.op("STRIDED_SLICE", x, const([0] * rank), end, const([1] * rank))


def _shaped(kind: str, *constants: list[int], **fields: int) -> _Make:
    return lambda d, b, x, y: b.op(kind, x, *map(const, constants), **fields)


_ANY: list[_Make] = [
    lambda d, b, x, y: dense(b, x, d(st.integers(1, 5)), fused=d(_FUSED), bias=d(st.booleans())),
    lambda d, b, x, y: dense(b, x, 3, size=int(np.prod(x.shape[1:])), fused=d(_FUSED)),
    lambda d, b, x, y: b.op(d(st.sampled_from(["RELU", "ABS", "TANH"])), x),
    lambda d, b, x, y: b.op("LEAKY_RELU", x, alpha=0.3),
    lambda d, b, x, y: b.op(
        d(st.sampled_from(["ADD", "SUB", "MUL"])), x, y, fused_activation_function=d(_FUSED)
    ),
    lambda d, b, x, y: b.op("MUL", x, b.op("LOGISTIC", y)),
    _reshape,
    _transpose,
    _concatenate,
    _pad,
    _reduce,
    _strided,
    _shaped("EXPAND_DIMS", [1]),
]
_IMAGES: list[_Make] = [
    lambda d, b, x, y: conv(b, x, d(st.integers(1, 4)), **_geometry(d)),
    lambda d, b, x, y: conv(b, x, 4, groups=2 if x.shape[-1] % 2 == 0 else 1, **_geometry(d)),
    lambda d, b, x, y: depthwise(b, x, d(st.integers(1, 2)), **_geometry(d)),
    lambda d, b, x, y: transpose_conv(b, x, bias=d(st.booleans())),
    lambda d, b, x, y: pool(
        b,
        x,
        d(st.sampled_from(["AVERAGE_POOL_2D", "MAX_POOL_2D"])),
        d(st.sampled_from([SAME, VALID])),
        d(_FUSED),
    ),
    _shaped("RESIZE_BILINEAR", [6, 7], half_pixel_centers=True),
    _shaped("RESIZE_NEAREST_NEIGHBOR", [6, 7]),
    lambda d, b, x, y: b.op("PRELU", x, b.weights(1, 1, x.shape[-1])),
    _shaped("SPACE_TO_DEPTH", block_size=2),
    _shaped("DEPTH_TO_SPACE", block_size=2),
    lambda d, b, x, y: b.op(
        "SPACE_TO_BATCH_ND", x, const([2, 2]), const([[0, x.shape[1] % 2], [0, x.shape[2] % 2]])
    ),
    _shaped("TILE", [1, 2, 1, 1]),
    lambda d, b, x, y: b.op("MIRROR_PAD", x, const([[0, 0], [1, 1], [0, 1], [0, 0]]), mode=0),
]
_VOLUMES: list[_Make] = [
    lambda d, b, x, y: conv3d(b, x, 2, d(st.integers(1, 2)), d(st.sampled_from([SAME, VALID]))),
]

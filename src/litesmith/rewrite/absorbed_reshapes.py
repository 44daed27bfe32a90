"""Ops that can read or write another shape themselves do so.

Algebra, exact; R is RESHAPE, SQUEEZE or EXPAND_DIMS:
    FULLY_CONNECTED(R(x))        = FULLY_CONNECTED(x)       it cuts its input into rows itself
    R(FULLY_CONNECTED(x))        = FULLY_CONNECTED(x){keep_num_dims}     x's sizes but the last
    reduce(R(x)), R(reduce(x))   = reduce(x)                R adds or drops axes of size 1
    R(FULLY_CONNECTED(reduce(x)))  = FULLY_CONNECTED(reduce(x)){keep_num_dims}
    R(CONV_2D(x))                = FULLY_CONNECTED(x)       the kernel covers all of a VALID x: the
                                                            result is one pixel, R drops its axes
    f(x, R(y))                   = f(x, y)                  f elementwise, R adds or drops leading
                                                            axes of size 1, which broadcasting does
reduce: MEAN, SUM, REDUCE_MAX, REDUCE_MIN, with other axes or keep_dims.
Side conditions: R's value is read by nothing else (where it is the operand, others may read it);
with open sizes, the declared ones must say the same. Saves one op. Minimum: no Flatten before a
Dense layer, no RESHAPE around a Dense layer on higher ranks or a global pooling.
"""

from __future__ import annotations

from types import MappingProxyType

from litesmith.graph import DType, Op, Options, Tensor
from litesmith.graph.enums import Padding
from litesmith.rewrite.engine import (
    Edit,
    Family,
    View,
    activation,
    broadcast,
    dims,
    sized,
    value,
)
from litesmith.rewrite.layouts import SHAPERS, Sizes, same_but_ones
from litesmith.rewrite.reductions import axes_of, over

_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
_KEEPS_DIMS = 5  # version of FULLY_CONNECTED that the converter writes with keep_num_dims


def _float(*tensors: Tensor | None) -> bool:
    return all(t is not None and t.dtype is DType.FLOAT32 and t.quant is None for t in tensors)


def _rows(op: Op, view: View) -> Edit | None:
    """FULLY_CONNECTED(R(x)) → FULLY_CONNECTED(x)."""
    before = view.maker(op.inputs[0], *SHAPERS)
    weights, result = op.input(1), op.outputs[0]
    if before is None or weights is None or op.options is None:
        return None
    x, shaped = before.inputs[0], before.outputs[0]
    if x is None or not _float(x, weights, result) or value(weights) is None or not x.shape:
        return None
    flat = not op.option("keep_num_dims") or len(shaped.shape) == 2
    if flat and len(result.shape) == 2:
        options = op.options.with_(keep_num_dims=False)
        return Edit(
            {before: (before,), op: (op.with_(inputs=(x, *op.inputs[1:]), options=options),)}
        )
    return None


def _kept(op: Op, view: View) -> Edit | None:
    """R(FULLY_CONNECTED(x)) → FULLY_CONNECTED(x){keep_num_dims}."""
    dense = view.private(op.inputs[0], "FULLY_CONNECTED")
    result = op.outputs[0]
    if dense is None or dense.options is None:
        return None
    x, weights = dense.inputs[:2]
    if x is None or weights is None or not _float(x, weights, result) or not x.shape:
        return None
    out, into = weights.shape
    if dims(x)[-1] != into or dims(result) != (*dims(x)[:-1], out) or dims(x).count(-1) > 1:
        return None
    options = dense.options.with_(keep_num_dims=True)
    new = dense.with_(outputs=(result,), options=options, version=max(dense.version, _KEEPS_DIMS))
    return Edit({dense: (), op: (new,)})


def _reduced(op: Op, view: View) -> Edit | None:
    """reduce(R(x)) → reduce(x)."""
    before = view.private(op.inputs[0], *SHAPERS)
    axes = axes_of(op)
    if before is None or axes is None or not _float(before.inputs[0], op.outputs[0]):
        return None
    x = before.inputs[0]
    assert x is not None
    same = same_but_ones(dims(x), dims(before.outputs[0]))
    if same is None:
        return None
    reduced = {same[a] for a in axes if a in same}
    new = _reduction(op, x, reduced, op.outputs[0])
    return None if new is None else Edit({before: (), op: (new,)})


def _reduced_shape(op: Op, view: View) -> Edit | None:
    """R(reduce(x)) → reduce(x)."""
    reduction = view.private(op.inputs[0], *_REDUCTIONS)
    axes = None if reduction is None else axes_of(reduction)
    if reduction is None or axes is None or not _float(reduction.inputs[0], op.outputs[0]):
        return None
    x = reduction.inputs[0]
    assert x is not None
    new = _reduction(reduction, x, set(axes), op.outputs[0])
    return None if new is None else Edit({reduction: (), op: (new,)})


def _reduction(op: Op, x: Tensor, axes: set[int], result: Tensor) -> Op | None:
    """Return the reduction of x over these axes, and any of size 1, that has the result's sizes."""
    sizes = dims(x)
    kept = tuple(1 if i in axes else d for i, d in enumerate(sizes))
    options = Options("ReducerOptions", MappingProxyType({"keep_dims": kept == dims(result)}))
    if kept != dims(result):
        left = _dropped(sizes, axes, dims(result))
        if left is None:
            return None
        axes = left
    constant = over(sorted(axes), op.outputs[0].name + "/axes")
    return op.with_(inputs=(x, constant), outputs=(result,), options=options)


def _dropped(sizes: Sizes, axes: set[int], result: Sizes) -> set[int] | None:
    """Return the axes to drop, of size 1 or among `axes`, so that the result's sizes are left."""
    dropped, rest = set(axes), list(result)
    for i, d in enumerate(sizes):
        if i in axes:
            continue
        if rest and rest[0] == d:
            rest.pop(0)
        elif d == 1:
            dropped.add(i)
        else:
            return None
    return None if rest else dropped


def _through_dense(op: Op, view: View) -> Edit | None:
    """R(FULLY_CONNECTED(reduce(x))) → FULLY_CONNECTED(reduce(x)){keep_num_dims}."""
    dense = view.private(op.inputs[0], "FULLY_CONNECTED")
    reduction = None if dense is None else view.private(dense.inputs[0], *_REDUCTIONS)
    if dense is None or reduction is None or dense.options is None:
        return None
    x, y, weights = reduction.inputs[0], dense.inputs[0], dense.input(1)
    axes = axes_of(reduction)
    if x is None or y is None or weights is None or axes is None:
        return None
    if not _float(x, y, weights, op.outputs[0]):
        return None
    out, into = weights.shape
    lead = dims(op.outputs[0])[:-1]
    if dims(op.outputs[0])[-1:] != (out,) or dims(y)[-1:] != (into,):
        return None
    shaped = sized(y.with_(name=y.name + "/shaped"), (*lead, into))
    new = _reduction(reduction, x, set(axes), shaped)
    if new is None:
        return None
    dense_ = dense.with_(
        inputs=(shaped, *dense.inputs[1:]),
        outputs=op.outputs,
        options=dense.options.with_(keep_num_dims=True),
        version=max(dense.version, _KEEPS_DIMS),
    )
    return Edit({reduction: (), dense: (), op: (new, dense_)})


def _one_pixel(op: Op, view: View) -> Edit | None:
    """R(CONV_2D(x)) → FULLY_CONNECTED(x) when the kernel covers all of x."""
    conv = view.private(op.inputs[0], "CONV_2D")
    if conv is None:
        return None
    x, weights = conv.inputs[:2]
    if x is None or weights is None or value(weights) is None or not _float(x, op.outputs[0]):
        return None
    out, *kernel = weights.shape
    whole = dims(x)[1:] == tuple(kernel) and dims(conv.outputs[0])[1:3] == (1, 1)
    valid = conv.option("padding") == Padding.VALID or kernel[:2] == [1, 1]
    if not whole or not valid or dims(op.outputs[0]) != (dims(x)[0], out):
        return None
    assert weights.data is not None
    data = weights.data.reshape(out, -1)
    flat = weights.with_(shape=data.shape, data=data)
    fields = {"fused_activation_function": activation(conv)} | _DENSE
    options = Options("FullyConnectedOptions", MappingProxyType(fields))
    inputs = (x, flat, *conv.inputs[2:])
    dense = Op("FULLY_CONNECTED", inputs, op.outputs, options, origin=conv.origin)
    return Edit({conv: (), op: (dense,)})


def _broadcast(op: Op, view: View) -> Edit | None:
    """f(x, R(y)) → f(x, y)."""
    result = op.outputs[0]
    for position in (0, 1):
        shaped, other = op.inputs[position], op.inputs[1 - position]
        before = view.maker(shaped, *SHAPERS)
        y = None if before is None else before.inputs[0]
        if before is None or y is None or shaped is None or other is None:
            continue
        if not _float(y, shaped, other, result) or _bare(y) != _bare(shaped):
            continue
        if broadcast(y, other) == dims(result):
            inputs = (y, other) if position == 0 else (other, y)
            return Edit({before: (before,), op: (op.with_(inputs=inputs),)})
    return None


def _bare(tensor: Tensor) -> Sizes:
    """Return a value's sizes without leading ones."""
    sizes = dims(tensor)
    return sizes[next((i for i, d in enumerate(sizes) if d != 1), len(sizes)) :]


_ELEMENTWISE = ("ADD", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "SQUARED_DIFFERENCE")
_DENSE = {
    "weights_format": 0,
    "keep_num_dims": False,
    "asymmetric_quantize_inputs": False,
    "quantized_bias_type": 0,
}

ABSORBED_RESHAPES = Family(
    "absorbed_reshapes",
    "ops that can read or write another shape do so themselves",
    {
        "FULLY_CONNECTED": (_rows,),
        **{kind: (_kept, _reduced_shape, _through_dense, _one_pixel) for kind in SHAPERS},
        **{kind: (_reduced,) for kind in _REDUCTIONS},
        **{kind: (_broadcast,) for kind in _ELEMENTWISE},
    },
)

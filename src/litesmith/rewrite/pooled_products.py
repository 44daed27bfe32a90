"""1x1 convolutions run on the pooled value, and pools of one element are strides.

Algebra, exact in real numbers, conv of 1x1:
    AVERAGE_POOL(conv(x))        = conv(AVERAGE_POOL(x))     bias included: means keep constants
    conv{stride t}(pool{1x1, s}(x)) = conv{stride s·t}(x)    pool AVERAGE or MAX
Side conditions: the convolution before a pool has stride 1, no activation, and nothing else reads
it; its pool leaves fewer positions, so that the convolution computes as many fewer (DenseNet's
transitions: a quarter), and its activation goes to the convolution. All that reads a pool of one
element is a 1x1 convolution; such a pool is no XNNPACK op, so it also splits the graph.
Saves the pool of one element. Minimum: none of them before 1x1 convolutions.
"""

from __future__ import annotations

from math import prod

from litesmith.graph import Op, Tensor
from litesmith.graph.enums import Activation
from litesmith.rewrite.engine import Decline, Edit, Family, View, activation, dims, value
from litesmith.rewrite.windows import is_pointwise, windows


def _pooled_first(op: Op, view: View) -> Edit | Decline | None:
    """AVERAGE_POOL_2D of a 1x1 convolution."""
    conv = view.private(op.inputs[0], "CONV_2D")
    if conv is None or not windows(conv) or not is_pointwise(conv) or value(conv.input(1)) is None:
        return None
    x, y = conv.inputs[0], op.outputs[0]
    if x is None or x.quant is not None or op.options is None or conv.options is None:
        return None
    if prod(y.shape[1:3]) >= prod(x.shape[1:3]):
        return None  # nothing to win
    if activation(conv) != Activation.NONE:
        return Decline(op, "an activation stands between the convolution and its mean")
    sizes = (*dims(y)[:3], dims(x)[3])
    if -1 in sizes:
        return Decline(op, "sizes are open")
    pooled = x.with_(name=y.name + "/pooled", shape=sizes, shape_signature=None)
    fused = activation(op)
    first = op.with_(
        inputs=(x,),
        outputs=(pooled,),
        options=op.options.with_(fused_activation_function=int(Activation.NONE)),
    )
    second = conv.with_(
        inputs=(pooled, *conv.inputs[1:]),
        outputs=op.outputs,
        options=conv.options.with_(fused_activation_function=fused),
    )
    return Edit({conv: (), op: (first, second)})


def _strided(op: Op, view: View) -> Edit | Decline | None:
    """A pool of one element into the strides of the convolutions that read it."""
    around = windows(op)
    result, x = op.outputs[0], op.inputs[0]
    if not around or x is None or any(w.kernel != 1 for w in around) or activation(op):
        return None
    if is_pointwise(op) or result in view.outputs:
        return None
    readers = view.read_by.get(result, [])
    if not readers or not all(_takes_strides(o, result) for o in readers):
        return Decline(op, "not only 1x1 convolutions read the elements that it picks")
    strides = {name: int(op.option(name)) for name in ("stride_h", "stride_w")}
    return Edit({op: (), **{o: (_with_strides(o, x, strides),) for o in readers}})


def _takes_strides(op: Op, tensor: Tensor) -> bool:
    one = op.kind == "CONV_2D" and op.inputs[0] is tensor and op.inputs.count(tensor) == 1
    around = windows(op) if one else ()
    return bool(around) and all(w.kernel == 1 for w in around)


def _with_strides(op: Op, x: Tensor, strides: dict[str, int]) -> Op:
    assert op.options is not None
    both = {name: int(op.option(name)) * stride for name, stride in strides.items()}
    return op.with_(inputs=(x, *op.inputs[1:]), options=op.options.with_(**both))


POOLED_PRODUCTS = Family(
    "pooled_products",
    "1x1 convolutions run on the pooled value; pools of one element are strides",
    {
        "AVERAGE_POOL_2D": (_pooled_first, _strided),
        "MAX_POOL_2D": (_strided,),
    },
)

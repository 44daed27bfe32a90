"""Explicit padding becomes the padding of the op that reads it.

Algebra, exact:
    PAD(PAD(x, p), q)                    = PAD(x, p + q)
    conv(PAD(x, p))                      = conv{SAME}(x)    both read and yield the same positions
    max_pool(PAD(x, p))                  = max_pool{SAME}(x)          x ≥ 0, or padded with −∞
    BATCH_TO_SPACE(conv(SPACE_TO_BATCH)) = conv{dilation = block}, SAME, VALID or after one PAD
Side conditions: zeros (or what pads is below all values, for max_pool), paddings known, batch and
channels not padded. SAME depends on the size: an open height or width is folded for stride 1
alone, where no size matters. An average pool counts padded zeros and SAME does not: never folded.
Saves one op and a copy of the value (two or three copies for SPACE_TO_BATCH).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from litesmith.graph import Array, DType, Op, Options, Tensor
from litesmith.graph.enums import Padding
from litesmith.rewrite.activations import span
from litesmith.rewrite.engine import Decline, Edit, Family, View, scalar
from litesmith.rewrite.windows import CONVOLUTIONS, Window, windows

_PADS = ("PAD", "PADV2")
_LOWEST = float(np.finfo(np.float32).min)


def _integers(tensor: Tensor | None) -> Array | None:
    known = tensor is not None and tensor.dtype in (DType.INT32, DType.INT64)
    return tensor.data if tensor is not None and known else None


def _filler(op: Op) -> float | None:
    return 0.0 if op.kind == "PAD" else scalar(op.input(2))


def _is_plain(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.dtype is DType.FLOAT32 and tensor.quant is None


def _chained(op: Op, view: View) -> Edit | None:
    """Two paddings as one."""
    before = view.private(op.inputs[0], *_PADS)
    if before is None or not _is_plain(op.outputs[0]):
        return None
    first, second = _integers(before.inputs[1]), _integers(op.inputs[1])
    filler = _filler(op)
    if first is None or second is None or first.shape != second.shape:
        return None
    if filler is None or filler != _filler(before):
        return None
    both = (first + second).astype(np.int32)
    paddings = Tensor("paddings", both.shape, DType.INT32, both)
    return Edit({before: (), op: (op.with_(inputs=(before.inputs[0], paddings, *op.inputs[2:])),)})


def _folded(op: Op, view: View) -> Edit | Decline | None:
    """PAD into the op that reads it."""
    pad = view.maker(op.inputs[0], *_PADS)
    if pad is None or pad.inputs[0] is None or not _is_plain(pad.inputs[0]):
        return None
    x, amounts = pad.inputs[0], _integers(pad.inputs[1])
    if amounts is None:
        return Decline(op, "how much is padded is computed")
    reason = _refusal(op, pad, view)
    if reason:
        return Decline(op, reason)
    padding, misfit = _padding(op, x, amounts)
    if padding is None or op.options is None:
        return Decline(op, misfit)
    options = op.options.with_(padding=int(padding))
    return Edit({pad: (pad,), op: (op.with_(inputs=(x, *op.inputs[1:]), options=options),)})


def _refusal(op: Op, pad: Op, view: View) -> str | None:
    """Return why the values that pad do not equal what the op's own padding reads."""
    filler = _filler(pad)
    if op.kind == "AVERAGE_POOL_2D":
        return "an average counts padded zeros, its own padding is left out of the mean"
    if op.kind == "MAX_POOL_2D":
        low, _ = span(pad.inputs[0], view)
        if filler is None or filler > max(low, _LOWEST):
            return "the padding may be larger than the values"
        return None
    return None if filler == 0 else "the padding is not zero"


def _padding(op: Op, x: Tensor, amounts: Array) -> tuple[Padding | None, str]:
    """Return the padding with which the op reads and yields the same from `x`, or why none."""
    around = windows(op)
    spatial = [w.axis for w in around]
    if not around or amounts.shape != (len(x.shape), 2):
        return None, "shapes are unknown"
    if np.delete(amounts, spatial, axis=0).any():
        return None, "batch or channels are padded"
    sizes = x.shape_signature or x.shape
    own = int(op.option("padding"))
    pairs = [(w, int(amounts[w.axis, 0]), int(amounts[w.axis, 1])) for w in around]
    for wanted in (Padding.SAME, Padding.VALID):
        if all(_fits(w, sizes[w.axis], b, a, own, wanted) for w, b, a in pairs):
            return wanted, ""
    worst = next(p for p in pairs if not _fits(p[0], sizes[p[0].axis], *p[1:], own, Padding.SAME))
    w, b, a = worst
    return None, f"{b} and {a} are padded, SAME would pad {_same(w, sizes[w.axis])}"


def _fits(window: Window, size: int, before: int, after: int, padding: int, wanted: int) -> bool:
    if size < 0 and window.stride > 1:
        return False
    # For stride 1 the positions do not depend on the size: any that is large enough tells.
    n = size if size >= 0 else window.reach + 1
    start, count = window.placed(n + before + after, padding)
    return (start - before, count) == window.placed(n, wanted)


def _same(window: Window, size: int) -> str:
    if size < 0:
        return "what depends on an open size"
    start, count = window.placed(size, Padding.SAME)
    after = max((count - 1) * window.stride + window.reach - size + start, 0)
    return f"{-start} and {after}"


def _dilated(op: Op, view: View) -> Edit | Decline | None:
    """BATCH_TO_SPACE_ND of a convolution of SPACE_TO_BATCH_ND."""
    conv = view.private(op.inputs[0], "CONV_2D", "DEPTHWISE_CONV_2D")
    split = None if conv is None else view.private(conv.inputs[0], "SPACE_TO_BATCH_ND")
    if conv is None or split is None or conv.options is None or not _is_plain(split.inputs[0]):
        return None
    x = split.inputs[0]
    values = [_integers(t) for t in (*split.inputs[1:3], *op.inputs[1:3])]
    if any(v is None for v in values) or x is None:
        return Decline(op, "blocks or paddings are computed")
    block, pads, blocks, crops = (v for v in values if v is not None)
    around = windows(conv)
    if not around or pads.shape != (2, 2) or crops.shape != (2, 2) or block.shape != (2,):
        return None
    if not np.array_equal(block, blocks):
        return Decline(op, "the blocks before and behind the convolution differ")
    if any(w.stride != 1 or w.dilation != 1 for w in around):
        return Decline(op, "the convolution between has strides or dilation")
    if x.is_dynamic and -1 in (x.shape_signature or ())[1:3]:
        return Decline(op, "SPACE_TO_BATCH_ND pads open sizes")
    places = [
        _place(w, int(b), x.shape[w.axis], p, c, conv.option("padding"))
        for w, b, p, c in zip(around, block, pads, crops, strict=True)
    ]
    return _as_dilated(op, conv, split, block, places)


def _place(
    window: Window, block: int, size: int, pads: Array, crops: Array, padding: int
) -> tuple[Window, int, int]:
    """Return the dilated window, where it reads first and how many results there are."""
    padded = size + int(pads.sum())
    start, count = window.placed(padded // block, padding)
    first = start * block - int(pads[0]) + int(crops[0])
    return (
        Window(window.axis, window.kernel, 1, block),
        first,
        count * block - int(crops.sum()),
    )


def _as_dilated(
    op: Op, conv: Op, split: Op, block: Array, places: Sequence[tuple[Window, int, int]]
) -> Edit | Decline:
    x = split.inputs[0]
    assert x is not None and conv.options is not None
    for padding in (Padding.SAME, Padding.VALID):
        if all(w.placed(x.shape[w.axis], padding) == (s, n) for w, s, n in places):
            dilated = _with_dilation(conv, op, x, block, padding)
            return Edit({split: (), conv: (), op: (dilated,)})
    amounts = np.zeros((4, 2), np.int32)
    shape = list(x.shape)
    for w, start, count in places:
        amounts[w.axis] = -start, count - 1 + w.reach + start - x.shape[w.axis]
        shape[w.axis] = count - 1 + w.reach
    if (amounts < 0).any():
        return Decline(op, "what is cropped is more than what is padded")
    base = x.shape_signature
    signature = None if base is None else (base[0], *shape[1:3], base[3])
    padded = x.with_(name=x.name + "/padded", shape=tuple(shape), shape_signature=signature)
    paddings = Tensor("paddings", (4, 2), DType.INT32, amounts)
    pad = Op("PAD", (x, paddings), (padded,), _PAD_OPTIONS, origin=split.origin)
    dilated = _with_dilation(conv, op, padded, block, Padding.VALID)
    return Edit({split: (pad,), conv: (), op: (dilated,)})


_PAD_OPTIONS = Options("PadOptions", MappingProxyType({}))


def _with_dilation(conv: Op, last: Op, x: Tensor, block: Array, padding: Padding) -> Op:
    assert conv.options is not None
    options = conv.options.with_(
        padding=int(padding), dilation_h_factor=int(block[0]), dilation_w_factor=int(block[1])
    )
    version = max(conv.version, 2) if conv.kind == "DEPTHWISE_CONV_2D" else conv.version
    inputs = (x, *conv.inputs[1:])
    return conv.with_(inputs=inputs, outputs=last.outputs, options=options, version=version)


PADDING = Family(
    "padding",
    "explicit padding becomes that of the convolution or pool; split batches become dilation",
    {
        **{kind: (_chained,) for kind in _PADS},
        **{kind: (_folded,) for kind in (*CONVOLUTIONS, "MAX_POOL_2D", "AVERAGE_POOL_2D")},
        "BATCH_TO_SPACE_ND": (_dilated,),
    },
)

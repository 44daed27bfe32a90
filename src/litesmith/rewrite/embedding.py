"""Look-ups wrap negative indices with one op, or none.

Algebra, exact for every index from −N to N − 1; the table has N rows:
    GATHER(table, SELECT(LESS(i, 0), ADD(i, N), i))  = GATHER(table, FLOOR_MOD(i, N))
                                                     = GATHER(table, i)      i never negative
This is what Keras 3 writes for an Embedding. Below −N and from N on, the look-up fails before, and
finds some row behind. Negative indices are well defined (they count from the end, as in NumPy), so
the wrapping is only dropped where i cannot be negative: unsigned, ARG_MAX, a size, clipped at 0.
Side conditions: the wrapped index is used for look-ups in tables of N rows only.
Saves 2 ops, or 3. Minimum: FLOOR_MOD GATHER, behind the CAST of a float input.
"""

from __future__ import annotations

from types import MappingProxyType

from litesmith.graph import DType, Op, Options, Tensor
from litesmith.rewrite.engine import Edit, Family, View, activation, dims

_INDICES = (DType.INT32, DType.INT64)
_UNSIGNED = (DType.UINT8, DType.UINT16, DType.UINT32, DType.BOOL)
_NEVER_NEGATIVE = frozenset(
    {
        "ABS",
        "ARG_MAX",
        "ARG_MIN",
        "EXP",
        "LOGISTIC",
        "RELU",
        "RELU6",
        "RELU_0_TO_1",
        "SHAPE",
        "SOFTMAX",
        "SQUARE",
    }
)
_HANDS_ON = frozenset({"CAST", "EXPAND_DIMS", "FLOOR", "RESHAPE", "ROUND", "SQUEEZE", "TRANSPOSE"})


def _wrapped(op: Op, view: View) -> Edit | None:
    """Return the edit for a SELECT that wraps indices."""
    condition, added, i = op.inputs
    less, plus = view.private(condition, "LESS"), view.private(added, "ADD")
    if less is None or plus is None or i is None or i.dtype not in _INDICES:
        return None
    rows = next((_whole_number(t) for t in plus.inputs if t is not i), None)
    wraps = less.inputs[0] is i and _whole_number(less.inputs[1]) == 0 and i in plus.inputs
    if not wraps or rows is None or activation(plus) or dims(i) != dims(op.outputs[0]):
        return None
    if not _only_looks_up(op.outputs[0], rows, view):
        return None
    if _never_negative(i, view):
        return Edit({less: (), plus: (), op: ()}, {op.outputs[0]: i})
    count = next(t for t in plus.inputs if t is not i)
    options = Options("FloorModOptions", MappingProxyType({}))
    new = Op("FLOOR_MOD", (i, count), op.outputs, options, origin=op.origin)
    return Edit({less: (), plus: (), op: (new,)})


def _whole_number(tensor: Tensor | None) -> int | None:
    if tensor is None or tensor.data is None or tensor.data.size != 1 or tensor.raw:
        return None
    return int(tensor.data.reshape(-1)[0]) if tensor.dtype in _INDICES else None


def _only_looks_up(index: Tensor, rows: int, view: View) -> bool:
    if index in view.outputs:
        return False
    for reader in view.read_by.get(index, ()):
        table = reader.input(0)
        if reader.kind != "GATHER" or table is None or table is index:
            return False
        axis = int(reader.option("axis", 0))
        if reader.option("batch_dims") or dims(table)[axis] != rows:
            return False
    return True


def _never_negative(tensor: Tensor | None, view: View) -> bool:
    """True for a value that no input can make negative."""
    while tensor is not None:
        if tensor.dtype in _UNSIGNED:
            return True
        maker = view.maker(tensor)
        if maker is None:
            return False
        if maker.kind in _NEVER_NEGATIVE:
            return True
        if maker.kind == "MAXIMUM":
            return any((_whole_number(t) or -1) >= 0 or _is_zero(t) for t in maker.inputs)
        tensor = maker.inputs[0] if maker.kind in _HANDS_ON else None
    return False


def _is_zero(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.data is not None and not tensor.data.any()


EMBEDDING = Family(
    "embedding",
    "look-ups wrap negative indices with one op, or none",
    {"SELECT": (_wrapped,), "SELECT_V2": (_wrapped,)},
)

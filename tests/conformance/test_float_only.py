"""Every builtin op has a row or a reason, and the kernels that are said not to exist do not."""

from __future__ import annotations

import numpy as np
import pytest

from litesmith.errors import LoadError
from litesmith.graph import DType, Graph, QuantParams, Tensor, schema, write
from litesmith.graph.edit import substitute
from litesmith.graph.facts import FACTS
from litesmith.graph.float_only import FLOAT_ONLY, NO_KERNEL, REWRITTEN
from litesmith.quantize.plan import refusal
from litesmith.runtime import Session
from tests.conformance.sample import Sample, s, w, x, y
from tests.support.graphs import const

_POOL = {"filter_width": 2, "filter_height": 2, "stride_w": 2, "stride_h": 2}
_STEPS = {"stride_d": 1, "stride_h": 1, "stride_w": 1}
_SEGMENTS = const([0, 0, 1, 1])
REFUSED = (
    *(s(kind, "plain", x(1, 4)) for kind in ("CEIL", "COS", "FLOOR", "ROUND", "SIGN", "SIN")),
    *(s(kind, "plain", x(1, 4)) for kind in ("SQUARE", "ZEROS_LIKE")),
    *(s(kind, "plain", x(1, 4), y(1, 4)) for kind in ("ADD_N", "ATAN2", "POW")),
    s("BUCKETIZE", "plain", x(6), dtype=DType.INT32, boundaries=(0.0, 0.5)),
    s("CONV_3D", "plain", x(1, 4, 4, 4, 2), w(2, 2, 2, 2, 3), w(3), **_STEPS),
    s("CUMSUM", "plain", x(1, 4), const(np.int32(1))),
    s("L2_POOL_2D", "plain", x(1, 4, 4, 3), **_POOL),
    s("LOCAL_RESPONSE_NORMALIZATION", "plain", x(1, 4, 4, 3), radius=1, bias=1.0, alpha=1.0),
    s("REVERSE_SEQUENCE", "plain", x(2, 4), const([2, 3]), seq_dim=1),
    s("RFFT2D", "plain", x(4, 4), const([4, 4]), dtype=DType.COMPLEX64),
    s("SEGMENT_SUM", "plain", x(4, 3), _SEGMENTS),
    *(
        s(f"UNSORTED_SEGMENT_{name}", "plain", x(4, 3), _SEGMENTS, const(np.int32(2)))
        for name in ("MAX", "MIN", "PROD", "SUM")
    ),
)
# Complex numbers, chance and boxes: nothing that int8 tensors could be tried on.
_UNTRIED = {"COMPLEX_ABS", "IMAG", "REAL", "MULTINOMIAL", "RANDOM_STANDARD_NORMAL"}
_UNTRIED |= {"RANDOM_UNIFORM", "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5"}
_UNTRIED |= {"CONV_3D_TRANSPOSE"}


def test_every_builtin_op_has_a_row_or_a_reason() -> None:
    names = {name for name in dir(schema.module().BuiltinOperator) if name[0] != "_"}
    names.discard("PLACEHOLDER_FOR_GREATER_OP_CODES")
    claimed = {kind for kind, row in FACTS.items() if row.int8 is not None}
    assert names == claimed | set(FLOAT_ONLY)
    both = claimed & set(FLOAT_ONLY)
    assert not both, f"{both} got a row: delete the reason in graph/float_only.py"


def test_every_kernel_said_to_be_missing_is_asked_for() -> None:
    missing = {kind for kind, why in FLOAT_ONLY.items() if why in (NO_KERNEL, REWRITTEN)}
    assert missing == {sample.kind for sample in REFUSED} | _UNTRIED


def _as_int8(graph: Graph) -> Graph:
    quant = QuantParams(np.asarray([0.1], np.float32), np.asarray([3], np.int64))
    floats = [t for t in graph.tensors() if t.dtype is DType.FLOAT32]

    def low(t: Tensor) -> Tensor:
        data = None if t.data is None else np.rint(t.data / 0.1).astype(np.int8)
        return t.with_(dtype=DType.INT8, data=data, quant=quant)

    return substitute(graph, {t: low(t) for t in floats})


@pytest.mark.parametrize("sample", REFUSED, ids=str)
def test_litert_refuses_it_in_int8(sample: Sample) -> None:
    """When this fails LiteRT has a new kernel: give it a row."""
    with pytest.raises(LoadError):
        session = Session(write(_as_int8(sample.graph)), kernels="builtin")
        session.feed([np.ones(p.shape, p.dtype) for p in session.inputs])
        session.invoke()


def test_reasons_are_told() -> None:
    for sample in REFUSED:
        (op,) = sample.graph.ops
        assert refusal(op) == FLOAT_ONLY[sample.kind]

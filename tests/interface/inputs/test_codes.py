"""Raw bytes straight into an int8 file: no op, and as close as a file fed preprocessed values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.errors import InputError
from litesmith.graph import DType, Graph, write
from litesmith.interface import ShapeInputs
from litesmith.interface.inputs import specs_of
from litesmith.quantize import Quantize
from litesmith.runtime import Session
from tests.interface.inputs.shaped import (
    EXACT,
    FIRST,
    Case,
    answers,
    as_data,
    kinds,
    model,
    quantized,
    relative,
    shaped,
)
from tests.rewrite.affine_graphs import conv
from tests.support.graphs import VALID, Array, Builder, const, examples, named


def fed_preprocessed(case: Case, kind: str) -> Graph:
    """Return the int8 file of the same model that is fed preprocessed values."""
    specs = specs_of(case.plain.input_names(), case.plain.inputs)
    return quantized(case.plain, specs, case.inner, kind)


@settings(max_examples=40, deadline=None)
@given(
    spec=st.sampled_from(["none", "unit", "tf", "scale=0.5,offset=-3", "mean=120,std=60"]),
    first=st.sampled_from([f for f in FIRST if f not in ("logistic", "two readers")]),
    kind=st.sampled_from(["uint8", "int8"]),
    channels=st.sampled_from(["", "bgr", "gray"]),
    layout=st.sampled_from(["nhwc", "nchw"]),
    seed=st.integers(0, 99),
)
def test_scale_and_offset_cost_no_op(
    spec: str, first: str, kind: str, channels: str, layout: str, seed: int
) -> None:
    if channels == "gray" and first not in ("valid", "same", "1x1"):
        channels = "bgr"
    step = ShapeInputs(
        preprocess=(spec,),
        types=(kind,),
        channels=(channels,) if channels else (),
        layout=(layout,),
    )
    case = shaped(model(first, seed=seed), step, count=12, seed=seed)
    file = quantized(case.graph, case.specs, case.fed)
    other = fed_preprocessed(case, kind)
    (port,) = Session(write(file)).inputs
    assert port.dtype == kind
    added = kinds(file) - kinds(other)
    # PAD by another number is another kind of PAD; channels first are one op, a view for one.
    moved = added["TRANSPOSE"] + added["RESHAPE"]
    assert added.total() - added["PADV2"] == moved <= (layout == "nchw")
    mine = relative(answers(file, case.fed), case.wanted)
    assert mine <= 1.6 * relative(answers(other, case.inner), case.wanted) + 0.01


@pytest.mark.parametrize("kind,zero", [("uint8", 127), ("int8", -1), ("uint8", 128), ("int8", 0)])
def test_the_zero_point_is_the_offset(kind: str, zero: int) -> None:
    """Beside SAME padding the shift cannot go into a bias, so it is the codes' zero point."""
    middle = zero + (128 if kind == "int8" else 0)
    step = ShapeInputs(preprocess=(f"scale=0.25,offset={-0.25 * middle}",), types=(kind,))
    case = shaped(model("same"), step)
    file = quantized(case.graph, case.specs, case.fed)
    (port,) = Session(write(file)).inputs
    assert (port.dtype, port.scale, port.zero_point) == (kind, 1.0, zero)
    assert "CAST" not in kinds(file) and "ADD" not in kinds(file)


def test_half_a_step_of_rounding_goes_into_the_bias() -> None:
    """tf: 0 is 127.5; without the correction every result would be off by half a step's worth."""
    step = ShapeInputs(preprocess=("tf",), types=("uint8",))
    case = shaped(model("same", size=16), step, count=30)
    file = quantized(case.graph, case.specs, case.fed)
    bias = float((answers(file, case.fed) - case.wanted).mean())
    spread = float((answers(file, case.fed) - case.wanted).std())
    assert abs(bias) < 0.35 * spread


@pytest.mark.parametrize("first", ["same", "padded", "depthwise same"])
def test_one_number_per_channel_costs_one_op(first: str) -> None:
    for spec in ("torch", "caffe"):
        case = shaped(model(first), ShapeInputs(preprocess=(spec,), types=("uint8",)))
        file = quantized(case.graph, case.specs, case.fed)
        assert (kinds(file) - kinds(fed_preprocessed(case, "uint8"))).total() == 1
        assert relative(answers(file, case.fed), case.wanted) < 0.05


@pytest.mark.parametrize("first", EXACT)
def test_float_inputs_too_cost_no_op_where_it_is_exact(first: str) -> None:
    case = shaped(model(first), ShapeInputs(preprocess=("tf",)))
    file = quantized(case.graph, case.specs, case.fed)
    assert kinds(file) == kinds(fed_preprocessed(case, "float32"))


def test_a_model_s_own_cast_and_rescaling() -> None:
    b = Builder()
    x = b.input((1, 6, 6, 3), DType.UINT8)
    y = b.op("CAST", x, dtype=DType.FLOAT32, in_data_type=3, out_data_type=0)
    y = b.op("ADD", b.op("MUL", y, const(1 / 127.5)), const(-1.0))
    graph = named(b.graph(conv(b, y, 4)))
    raw = np.random.default_rng(0).integers(0, 256, (8, 6, 6, 3)).astype(np.uint8)
    file = quantized(graph, specs_of(graph.input_names(), graph.inputs), (raw,))
    assert kinds(file) == {"QUANTIZE": 1, "CONV_2D": 1, "DEQUANTIZE": 1}
    (port,) = Session(write(file)).inputs
    assert port.dtype == "uint8" and port.scale == pytest.approx(1 / 127.5)
    assert relative(answers(file, (raw,)), answers(graph, (raw,))) < 0.05


def test_what_a_float_op_reads_stays_cast() -> None:
    b = Builder()
    x = b.input((1, 4), DType.UINT8)
    y = b.op("CAST", x, dtype=DType.FLOAT32, in_data_type=3, out_data_type=0)
    graph = named(b.graph(b.op("SIN", y)))
    raw = np.arange(8, dtype=np.uint8).reshape(2, 4)
    file = quantized(graph, specs_of(graph.input_names(), graph.inputs), (raw,))
    assert kinds(file) == {"CAST": 1, "SIN": 1}


@pytest.mark.parametrize(
    "low,high,pinned", [(0, 250, True), (3, 255, True), (0, 100, False), (-1, 255, False)]
)
def test_a_range_that_means_bytes_takes_bytes(low: int, high: int, pinned: bool) -> None:
    graph = model("valid")
    random = np.random.default_rng(0)
    values = random.integers(low, high + 1, (9, 9, 10, 3)).astype(np.float32)
    values[0, 0, 0, :2] = low, high
    file = quantized(graph, specs_of(graph.input_names(), graph.inputs), (values,), "uint8")
    (port,) = Session(write(file)).inputs
    assert ((port.scale, port.zero_point) == (1.0, 0)) == pinned


def test_types_one_by_one() -> None:
    b = Builder()
    x, y = b.input((1, 5, 5, 3)), b.input((1, 5, 5, 3))
    one, two = conv(b, x, 4, padding=VALID), conv(b, y, 4, padding=VALID)
    graph = named(b.graph(one, two))
    data = examples(graph)
    file = Quantize("int8", "x1:uint8", "int8,y0:float32")(graph, data).graph
    assert [t.dtype for t in file.inputs] == [DType.FLOAT32, DType.UINT8]
    assert [t.dtype for t in file.outputs] == [DType.FLOAT32, DType.INT8]
    arrays: list[Array] = [np.full((2, 5, 5, 3), 0.5, np.float32)] * 2
    found = Session(write(file)).run(arrays)
    wanted = Session(write(graph)).run(arrays)
    assert all(relative(a, b_) < 0.1 for a, b_ in zip(found, wanted, strict=True))
    with pytest.raises(InputError, match="has no input 'x7'"):
        Quantize("int8", "x7:uint8")(graph, data)
    with pytest.raises(InputError, match="cannot be 'int16'"):
        Quantize("int8", "x0:int16")


def test_the_mean_of_raw_values_is_kept() -> None:
    """Weights are rounded; times a mean of 200 that would shift every result."""
    step = ShapeInputs(preprocess=("tf",), types=("uint8",))
    case = shaped(model("valid", size=16), step, count=20, low=190, high=210)
    file = quantized(case.graph, case.specs, case.fed)
    error = answers(file, case.fed) - case.wanted
    assert abs(float(error.mean())) < 0.5 * float(error.std())
    assert as_data(case.specs, case.fed).size == 20

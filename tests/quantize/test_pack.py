"""Packed files: the same answers to the bit, the bits that are said, and reasons to decline."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import Blockwise, DType, Graph, Op, QuantParams, Tensor, read, verify, write
from litesmith.graph.build import make_op
from litesmith.graph.census import op_counts, weights_bits
from litesmith.graph.packed import packed_weights, with_constants
from litesmith.quantize import Pack, Quantize
from litesmith.quantize.pack_ops import VARIABLE
from litesmith.runtime import Session
from tests.support.graphs import Builder, draw, examples, random_cnn

_VALUES = {"1": (-1, 1), "2": (-1, 0, 1), "3": (-3, -2, -1, 0, 1, 2, 3)}


def _quant(scale: Any, axis: int | None = None, bits: int = 8) -> QuantParams:
    scales = np.asarray(scale, np.float32).reshape(-1)
    return QuantParams(scales, np.zeros(scales.size, np.int64), axis, bits)


def layer(
    random: np.random.Generator, x: Tensor, shape: tuple[int, ...], values: Any, dtype: DType
) -> Op:
    """Return a CONV_2D or FULLY_CONNECTED with weights of these values."""
    data = random.choice(np.asarray(values, np.int8), shape)
    scale = random.uniform(0.01, 0.02, shape[0]).astype(np.float32)
    weights = Tensor(f"w{x.name}{shape}", shape, dtype, data, _quant(scale, 0, dtype.bits))
    bias = random.integers(-300, 300, shape[0]).astype(np.int32)
    b = Tensor("b", (shape[0],), DType.INT32, bias, _quant(0.02 * scale, 0, 32))
    size = 0.02 * 0.02 * np.sqrt(data[0].size) * 60 / 20
    y = Tensor(f"{x.name}y", (*x.shape[:-1], shape[0]), DType.INT8, quant=_quant(size))
    if len(shape) == 2:
        return make_op("FULLY_CONNECTED", (x, weights, b), (y,), 12, keep_num_dims=True)
    return make_op("CONV_2D", (x, weights, b), (y,), 7, stride_w=1, stride_h=1)


def network(
    seed: int, values: Any, channels: tuple[int, ...], window: int = 3, dense: int = 0
) -> Graph:
    """Return convolutions one after the other, and a matrix behind them."""
    random = np.random.default_rng(seed)
    x = Tensor("x", (1, 4, 5, channels[0]), DType.INT8, quant=_quant(0.02))
    ops: list[Op] = []
    y = x
    for before, after in itertools.pairwise(channels):
        shape = (after, window, window, before)
        ops.append(layer(random, y, shape, values, DType.INT4))
        y = ops[-1].outputs[0]
    if dense:
        ops.append(layer(random, y, (dense, channels[-1]), values, DType.INT2))
        y = ops[-1].outputs[0]
    return verify(Graph((x,), (y,), tuple(ops)))


def answers(graph: Graph, kernels: str = "builtin", count: int = 3) -> np.ndarray:
    x = np.random.default_rng(1).integers(-128, 128, (count, *graph.inputs[0].shape[1:]))
    session = Session(write(graph), kernels=kernels)
    rows = []
    for one in x.astype(np.int8):
        session.feed([one])
        session.invoke()
        rows.append(session.fetch()[0])
    return np.concatenate(rows)


def stored(graph: Graph) -> dict[str, np.ndarray]:
    found = {}
    for op in graph.ops:
        weights = op.input(1)
        if weights is not None and weights.is_constant and weights.dtype.bits < 8:
            assert weights.data is not None
            found[weights.name] = weights.data
    return found


@settings(deadline=None, max_examples=15)
@given(
    st.integers(0, 2**31),
    st.sampled_from(sorted(_VALUES)),
    st.lists(st.integers(1, 70), min_size=2, max_size=4),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([0, 0, 5, 64]),
    st.sampled_from(["builtin", "reference", "default"]),
)
def test_packed_files_answer_the_same(
    seed: int, bits: str, channels: list[int], window: int, dense: int, kernels: str
) -> None:
    values = _VALUES[bits] if dense == 0 else _VALUES[min(bits, "2")]
    graph = network(seed, values, (*channels, 64), window, dense)
    outcome = Pack()(graph)
    if not outcome.done:
        assert outcome.graph is graph
        return
    file = write(outcome.graph)
    assert len(file) < len(write(graph))
    back = verify(read(file))
    was = stored(graph)
    for tensor, value in packed_weights(back).items():
        if tensor.name in was:
            assert np.array_equal(value.values, was[tensor.name].reshape(value.values.shape))
    plain = verify(read(write(with_constants(back))))
    assert op_counts(plain) == op_counts(graph)
    # XNNPACK, which has only the file that is not packed, may round differently.
    least = 1 if kernels == "default" and dense else 0
    far = answers(back, kernels).astype(int) - answers(graph, kernels)
    assert np.abs(far).max() <= least


@pytest.mark.parametrize(("bits", "most"), [("1", 1.3), ("2", 1.9), ("3", 3.3)])
def test_bits_per_weight_and_their_count(bits: str, most: float) -> None:
    graph = network(3, _VALUES[bits], (32, 64, 64, 64))
    outcome = Pack()(graph)
    count = sum(data.size for data in stored(graph).values())
    assert outcome.done
    assert weights_bits(outcome.graph) == {bits: count} == weights_bits(read(write(outcome.graph)))
    bare = Pack()(graph).graph
    tables = sum(
        op.inputs[0].data.nbytes
        for part in bare.graphs()
        for op in part.ops
        if op.kind == "GATHER" and op.inputs[0] is not None and op.inputs[0].data is not None
    )
    rest = len(write(graph)) - count // 2
    assert (len(write(bare)) - rest - tables) * 8 / count < most
    assert "ops" in outcome.why and outcome.notices[0].code == "packed_weights"


def test_large_weights_have_a_variable_each_and_small_ones_share() -> None:
    graph = network(5, (-1, 1), (64, 64, 64, 300, 300))
    outcome = Pack()(graph)
    sizes = [data.size for data in stored(graph).values()]
    assert max(sizes) > VARIABLE > sum(sizes[:2])
    kinds = op_counts(outcome.graph)
    assert kinds["READ_VARIABLE"] == kinds["ASSIGN_VARIABLE"] == 3
    assert np.array_equal(answers(graph), answers(outcome.graph))
    order = [op.kind for op in outcome.graph.ops]
    assert order.index("CONV_2D") < len(order) - 1 - order[::-1].index("READ_VARIABLE")


def test_weights_that_two_ops_read_are_packed_once() -> None:
    random = np.random.default_rng(0)
    x = Tensor("x", (1, 4, 4, 64), DType.INT8, quant=_quant(0.02))
    first = layer(random, x, (64, 3, 3, 64), (-1, 1), DType.INT4)
    again = first.with_(
        inputs=(first.outputs[0], *first.inputs[1:]), outputs=(first.outputs[0].with_(name="z"),)
    )
    graph = verify(Graph((x,), again.outputs, (first, again)))
    packed = Pack()(graph).graph
    assert weights_bits(packed) == {"1": 64 * 64 * 9}
    assert op_counts(packed)["READ_VARIABLE"] == 1
    assert np.array_equal(answers(graph), answers(packed))


def test_names_that_the_file_has_are_left_to_it() -> None:
    graph = network(0, (-1, 1), (64, 64, 64))
    handle = Tensor("h", (), DType.RESOURCE)
    state = Tensor("s", (1,), DType.INT8)
    ops = (
        make_op("VAR_HANDLE", (), (handle,), container="", shared_name="w0"),
        make_op("ASSIGN_VARIABLE", (handle, state.with_(data=np.zeros(1, np.int8))), ()),
    )
    outcome = Pack()(graph.with_(ops=(*ops, *graph.ops)))
    assert outcome.done
    assert len(packed_weights(outcome.graph)) == 5  # the variable, two parts, two weights
    assert np.array_equal(answers(graph), answers(outcome.graph))


def _blocks(weights: Tensor) -> Tensor:
    scales = Tensor("s", (64, 2), DType.FLOAT16, np.ones((64, 2), np.float16))
    empty = np.zeros(0, np.float32), np.zeros(0, np.int64)
    return weights.with_(quant=QuantParams(*empty, 0, 4, blockwise=Blockwise(scales, None, 32)))


def test_reasons_to_decline() -> None:
    few = Pack()(network(0, (-1, 1), (3, 4)))
    assert not few.done and "too few" in few.why and few.notices[0].code == "not_packed"
    wide = Pack()(network(0, (-7, 7), (64, 64)))
    assert not wide.done and "4 bits are as small" in wide.why
    b = Builder()
    nothing = Pack()(b.graph(b.op("RELU", b.input((1, 4)))))
    assert not nothing.done and "no weights have fewer than 8 bits" in nothing.why
    graph = network(0, (-1, 1), (64, 64))
    (op,) = graph.ops
    assert op.inputs[1] is not None
    blocks = op.with_(inputs=(op.inputs[0], _blocks(op.inputs[1]), op.inputs[2]))
    assert "per block" in Pack()(graph.with_(ops=(blocks,))).why
    x = Tensor("f", graph.inputs[0].shape)
    y = Tensor("g", graph.outputs[0].shape)
    hybrid = op.with_(inputs=(x, op.inputs[1], None), outputs=(y,))
    assert "no int8" in Pack()(Graph((x,), (y,), (hybrid,))).why


def test_weights_that_another_kernel_reads_too_stay_constants() -> None:
    graph = network(0, (-1, 1), (64, 64))
    weights = graph.ops[0].inputs[1]
    assert weights is not None
    real = Tensor("real", weights.shape)
    other = make_op("DEQUANTIZE", (weights,), (real,), 6)
    both = graph.with_(ops=(*graph.ops, other), outputs=(*graph.outputs, real))
    assert "wants constants" in Pack()(both).why


def test_ops_in_loops_keep_their_weights() -> None:
    body = network(0, (-1, 1), (64, 64))
    graph = network(1, (-1, 1), (64, 64))
    y = Tensor("yes", (), DType.BOOL, np.asarray(True))
    result = Tensor("r", graph.outputs[0].shape, DType.INT8, quant=graph.outputs[0].quant)
    x = graph.outputs[0]
    branch = make_op("IF", (y, x), (result,)).with_(subgraphs=(body, body))
    whole = graph.with_(ops=(*graph.ops, branch), outputs=(result,))
    outcome = Pack()(whole)
    assert outcome.done
    assert weights_bits(outcome.graph) == {"1": 64 * 64 * 9, "4": 64 * 64 * 9}
    assert any("inside a loop or branch" in line for line in outcome.explain)


@pytest.mark.parametrize("scheme", ["int3", "ternary", "binary"])
@pytest.mark.parametrize("seed", range(3))
def test_random_graphs_of_coarse_schemes_load_and_run(scheme: str, seed: int) -> None:
    graph = random_cnn(seed, layers=7)
    arrays = draw(graph, 6)
    outcome = Quantize(scheme, edge_bits=4 if seed else 0)(graph, examples(graph, arrays))
    for form in (outcome.graph, Pack()(outcome.graph).graph):
        found = Session(write(verify(form))).run(arrays)
        assert all(np.isfinite(one).all() for one in found)

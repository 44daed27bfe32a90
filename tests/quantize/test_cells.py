"""Integer LSTMs answer like float ones, on each of LiteRT's kernel sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from litesmith.graph import DType, Graph, Tensor, read, verify, write
from litesmith.graph.census import float_ops
from litesmith.quantize import Quantize, calibrate, refusal
from litesmith.quantize.cell_forms import cell_params
from litesmith.quantize.cells import cell_ranges
from litesmith.runtime import KERNELS, Session
from tests.rewrite.lstm_graphs import cell, fused
from tests.support.graphs import Array, Builder, const, examples, make

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"


@dataclass(frozen=True)
class Case:
    """A layer; `start`: how its states are set ("zeros", "constant", "computed" or not at all)."""

    units: int = 8
    features: int = 5
    steps: int = 12
    time_major: bool = False
    start: str = "zeros"
    seed: int = 0

    @property
    def graph(self) -> Graph:
        b = Builder(self.seed)
        sizes = (self.steps, 1) if self.time_major else (1, self.steps)
        x = b.input((*sizes, self.features))
        if self.start in ("zeros", "none"):
            y, *_ = fused(b, x, self.cell(b), self.time_major, self.start == "zeros")
            return b.graph(y)
        state = b.random.uniform(-0.9, 0.9, (1, self.units)).astype(np.float32)
        start = const(state) if self.start == "constant" else b.input((1, self.units))
        before = len(b.ops)
        y, *states = fused(b, x, self.cell(b), self.time_major)
        b.ops[before:before] = [_whole(start, s) for s in states]
        return b.graph(y)

    def cell(self, b: Builder):  # type: ignore[no-untyped-def]
        return cell(b, self.features, self.units)


def _whole(start: Tensor, state: Tensor):  # type: ignore[no-untyped-def]
    bounds = [const([0, 0]), const([0, 0]), const([1, 1])]
    return make("STRIDED_SLICE", [start, *bounds], [state], begin_mask=3, end_mask=3)


def integer(graph: Graph, **more: object) -> Graph:
    data = examples(graph, count=96, low=-2, high=2)
    step = Quantize("int8", integer_cells=True, integer_only=True, output_type="int8", **more)  # type: ignore[arg-type]
    return step(graph, data).graph


def answers(graph: Graph, kernels: str = "default", count: int = 20) -> Array:
    random = np.random.default_rng(5)
    fed = [
        random.uniform(-2, 2, (count, *(t.shape[1:] if t.shape[0] == 1 else t.shape)))
        for t in graph.inputs
    ]
    return Session(write(graph), kernels=kernels).run([f.astype(np.float32) for f in fed])[0]


def off(case: Case, kernels: str = "default") -> float:
    """Return the root mean square error over the largest of the float answers."""
    found, wanted = answers(integer(case.graph), kernels), answers(case.graph)
    return float(np.sqrt(np.mean(np.square(found - wanted))) / np.abs(wanted).max())


@settings(max_examples=20, deadline=None)
@given(
    st.builds(
        Case,
        units=st.sampled_from([1, 3, 8, 20]),
        features=st.sampled_from([1, 4, 9]),
        steps=st.sampled_from([1, 2, 15]),
        time_major=st.booleans(),
        start=st.sampled_from(["zeros", "none"]),
        seed=st.integers(0, 99),
    )
)
def test_random_layers(case: Case) -> None:
    assert off(case) < 0.1  # values beyond what few examples showed saturate


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("start", ["zeros", "computed", "none"])
def test_every_kernel_set(start: str, kernels: str) -> None:
    assert off(Case(start=start), kernels) < 0.02


def test_a_constant_start_is_set_anew_before_every_run() -> None:
    # The float form of it is not: LiteRT slices a constant once.
    case = Case(start="constant", steps=3)
    graph = integer(case.graph)
    session = Session(write(graph))
    x = np.zeros(graph.inputs[0].shape, np.float32)
    found = []
    for _ in range(3):
        session.feed([x])
        session.invoke()
        found.append(session.fetch()[0])
    assert np.abs(found[0]).max() > 10
    assert all(np.array_equal(found[0], other) for other in found[1:])


def test_what_the_kernel_demands() -> None:
    graph = integer(Case().graph)
    assert not float_ops(graph)
    verify(read(write(graph)))
    op = next(o for o in graph.ops if o.kind == LSTM)
    h, c, y = op.inputs[18], op.inputs[19], op.outputs[0]
    assert h is not None and c is not None and h.is_variable and c.is_variable
    assert (h.dtype, c.dtype, y.dtype) == (DType.INT8, DType.INT16, DType.INT8)
    assert h.quant is y.quant and c.quant is not None
    assert float(np.log2(c.quant.scale[0])).is_integer() and c.quant.scale[0] <= 2**-9
    assert [t.dtype for t in op.inputs[12:16] if t is not None] == [DType.INT32] * 4
    assert op.intermediates[4].quant is h.quant


def test_cell_states_are_seen_at_every_step() -> None:
    """The loop's own results, step by step, are the oracle: runs of 1, 2, … steps end there."""
    case = Case(start="none", steps=9)
    graph = case.graph
    random = np.random.default_rng(3)
    x = random.normal(0, 3, (4, 9, 5)).astype(np.float32)
    ((_, (low, high)),) = cell_ranges(graph, [(row,) for row in x]).items()
    b = Builder()
    step = b.input((1, 1, 5))
    y, _, c = fused(b, step, case.cell(Builder(0)), False)
    session = Session(write(b.graph(y, c)))
    seen = []
    for row in x:
        session.reset()
        for t in range(9):
            session.feed([row[t : t + 1]])
            session.invoke()
            seen.append(session.fetch()[1])
    assert low == pytest.approx(min(0, np.min(seen)), abs=1e-4)
    assert high == pytest.approx(max(0, np.max(seen)), abs=1e-4)


@pytest.mark.parametrize("peak", [0.0, 0.5, 1.0, 16.0, 57.0])
def test_cell_scale_holds_what_was_seen(peak: float) -> None:
    scale = float(cell_params((-peak, 0.0)).scale[0])
    assert peak <= 32767 * scale and 2**-15 <= scale <= 2**-9
    assert float(np.log2(scale)).is_integer()


def test_on_a_cpu_it_stays_float_and_says_why() -> None:
    graph = Case().graph
    outcome = Quantize("int8")(graph, examples(graph, count=8))
    assert LSTM in {op.kind for op in float_ops(outcome.graph)}
    assert any("slower than the float one" in n.message for n in outcome.notices)
    named = Quantize("int8", bits=(f"{LSTM}=8",))(graph, examples(graph, count=8))
    assert not float_ops(named.graph)


def test_other_activations_stay_float() -> None:
    b = Builder()
    x = b.input((1, 4, 3))
    fused(b, x, cell(b, 3, 4, "RELU"), False, True)
    assert "not tanh" in str(refusal(b.ops[-1]))


def test_ranges_hold_the_cell_state() -> None:
    graph = Case().graph
    found = calibrate(graph, examples(graph, count=8))
    state = next(t for t in graph.tensors() if t.name == "c")
    assert found.low[state] < 0 < found.high[state]

"""The adapter around LiteRT: examples in, examples out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from litesmith.errors import LoadError
from litesmith.graph import DType, Graph, Op, read, write
from litesmith.quantize import Quantize
from litesmith.runtime import KERNELS, Port, Session, dequantize, quantize
from tests.support.converted import converted
from tests.support.graphs import Builder, const, draw, examples, make, one_op, random_cnn, tensor


def session(graph: Graph, **more: object) -> Session:
    return Session(write(graph), **more)  # type: ignore[arg-type]


def test_ports_follow_the_graph() -> None:
    b = Builder()
    x, i = b.input((1, 4), name="x"), b.input((3,), DType.INT32, name="i")
    s = session(b.graph(i, b.op("ABS", x)))
    assert s.inputs == (
        Port("x", (1, 4), "float32", None, None),
        Port("i", (3,), "int32", None, None),
    )
    assert [p.name for p in s.outputs] == ["i", "abs0"]


@pytest.mark.parametrize(
    "shape,example",
    [((1, 4), (4,)), ((1,), ()), ((), ()), ((3, 4), (3, 4)), ((1, 1, 4), (1, 4)), ((0, 2), (0, 2))],
)
def test_example_shapes_drop_one_leading_one(
    shape: tuple[int, ...], example: tuple[int, ...]
) -> None:
    assert Port("x", shape, "float32", None, None).example_shape == example


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("shape", [(1, 4), (1,), (), (3, 4)])
def test_a_batch_is_stacked_examples(shape: tuple[int, ...], kernels: str) -> None:
    graph = one_op("NEG", tensor("x", shape))
    s = session(graph, kernels=kernels)
    batch = np.random.default_rng(0).random((5, *s.inputs[0].example_shape)).astype(np.float32)
    (found,) = s.run([batch])
    assert found.shape == batch.shape
    assert np.array_equal(found, -batch)


def test_several_inputs_and_outputs_in_order() -> None:
    b = Builder()
    x, y = b.input((1, 2)), b.input((2, 1))
    s = session(b.graph(b.op("NEG", y), b.op("ABS", x)))
    one, two = np.full((3, 2), -1, np.float32), np.full((3, 2, 1), 2, np.float32)
    negated, absolute = s.run([one, two])
    assert negated.shape == (3, 2, 1) and (negated == -2).all()
    assert absolute.shape == (3, 2) and (absolute == 1).all()


def test_variables_that_are_filled_once_are_no_state() -> None:
    handle, value = tensor("h", (), DType.RESOURCE), const(np.float32([1, 2]))
    fill = (
        make("VAR_HANDLE", (), (handle,), container="", shared_name="v"),
        make("ASSIGN_VARIABLE", (handle, value), ()),
    )
    once = make("CALL_ONCE", (), ()).with_(subgraphs=(Graph((), (), fill),))
    x, y, held = (tensor(n, (2,)) for n in ("x", "y", "held"))
    handle = tensor("h", (), DType.RESOURCE)
    ops = (
        once,
        make("VAR_HANDLE", (), (handle,), container="", shared_name="v"),
        make("READ_VARIABLE", (handle,), (held,)),
        make("ADD", (x, held), (y,)),
    )
    s = session(Graph((x,), (y,), ops))
    loaded = s._interpreter
    assert np.array_equal(s.run([np.zeros((3, 2), np.float32)])[0], [[1, 2]] * 3)
    assert s._interpreter is loaded


def test_examples_do_not_see_each_other_through_resource_variables() -> None:
    s = Session(converted("counter"))
    batch = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    assert np.array_equal(s.run([batch])[0], batch)
    assert np.array_equal(s.run([batch])[0], batch)


def test_examples_do_not_see_each_other_through_variable_tensors() -> None:
    state = tensor("state", (1, 4), is_variable=True)
    x, y = tensor("x", (1, 3)), tensor("y", (1, 2))
    ones = const(np.ones((2, 3), np.float32)), const(np.ones((2, 2), np.float32))
    op = make("SVDF", (x, *ones, None, state), (y,), rank=1)
    s = session(Graph((x,), (y,), (op,)))
    batch = np.ones((3, 3), np.float32)
    found = s.run([batch])[0]
    assert (found == found[0]).all()
    s.reset()
    for _ in range(2):  # without a reset the state adds up
        s.feed([batch[0]])
        s.invoke()
    assert (s.fetch()[0] > found[0]).all()


@pytest.mark.parametrize("kind", ["int8", "uint8"])
def test_quantized_ends_take_and_give_real_values(kind: str) -> None:
    graph = random_cnn(1)
    result = Quantize("int8", kind, kind)(graph, examples(graph)).graph
    s = session(result)
    assert (s.inputs[0].dtype, s.outputs[0].dtype) == (kind, kind)
    batch = draw(graph, 4)[0][:, 0]
    found, wanted = s.run([batch])[0], session(graph).run([batch])[0]
    assert found.dtype == np.float32
    assert np.abs(found - wanted).max() < 0.05
    raw = quantize(batch, s.inputs[0])
    assert raw.dtype == np.dtype(kind)
    assert np.array_equal(s.run([raw])[0], found)


@given(st.lists(st.floats(-50, 50, width=32), min_size=1), st.integers(-128, 127))
def test_quantizing_rounds_and_saturates(values: list[float], zero: int) -> None:
    port = Port("x", (1,), "int8", 0.25, zero)
    array = np.asarray(values, np.float32)
    wanted = np.clip(np.rint(array / np.float32(0.25)) + zero, -128, 127).astype(np.int8)
    assert np.array_equal(quantize(array, port), wanted)
    back = dequantize(wanted, port)
    assert back.dtype == np.float32
    assert np.array_equal(back, ((wanted.astype(np.int64) - zero) * 0.25).astype(np.float32))


def test_plain_ports_pass_values_through() -> None:
    port = Port("x", (1,), "int32", None, None)
    assert quantize(np.asarray([1, 2], np.int64), port).dtype == np.int32
    values = np.asarray([3], np.int32)
    assert dequantize(values, port) is values


def test_fetch_copies_and_views_do_not() -> None:
    s = session(one_op("NEG", tensor("x", (1, 2))))
    s.feed([np.ones((1, 2), np.float32)])
    s.invoke()
    first = s.fetch()[0]
    s.feed([np.zeros((1, 2), np.float32)])
    s.invoke()
    assert (first == -1).all()
    assert (s.views()[0] == 0).all()


def test_loops_and_branches_run() -> None:
    for name in ("lstm", "loop", "branch"):
        graph = read(converted(name))
        outputs = Session(converted(name)).run([a[:, 0] for a in draw(graph, 3)])
        assert all(np.isfinite(o).all() for o in outputs)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 64, converted.__doc__.encode(), write(random_cnn(0))[:200]],  # type: ignore[union-attr]
)
def test_unusable_files_are_one_sentence(content: bytes) -> None:
    with pytest.raises(LoadError) as info:
        Session(content)
    assert "\n" not in info.value.message
    assert info.value.message.endswith(".")
    assert info.value.hint


def test_unknown_ops_are_named() -> None:
    x, y = tensor("x", (1,)), tensor("y", (1,))
    op = make("ABS", (x,), (y,)).with_(kind="CUSTOM:Mystery", options=None)
    with pytest.raises(LoadError, match="Mystery") as info:
        session(Graph((x,), (y,), (op,)))
    assert "\n" not in info.value.message


def test_a_kernel_that_fails_is_a_load_error() -> None:
    b = Builder()
    i = b.input((1,), DType.INT32)
    graph = b.graph(b.op("GATHER", b.weights(3, 2), i, axis=0, dtype=DType.FLOAT32))
    with pytest.raises(LoadError, match="cannot run") as info:
        session(graph).run([np.asarray([99], np.int32)])
    assert "\n" not in info.value.message


def test_ops_of_other_hardware_are_told_apart() -> None:
    x, y = tensor("x", (1, 2)), tensor("y", (1, 2))
    model = write(Graph((x,), (y,), (Op("CUSTOM:ethos-u", (x,), (y,)),)))
    with pytest.raises(LoadError, match="unresolved custom op: ethos-u") as caught:
        Session(model)
    assert "made from" in caught.value.hint

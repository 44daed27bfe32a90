"""Reading and writing lose nothing that a runtime uses."""

from __future__ import annotations

import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from litesmith.errors import LoadError
from litesmith.graph import (
    Blockwise,
    DType,
    Graph,
    Op,
    QuantParams,
    Tensor,
    read,
    schema,
    text,
    verify,
    write,
)
from litesmith.runtime import Session
from tests.support.compare import assert_same_graph
from tests.support.converted import NAMES, converted
from tests.support.graphs import (
    Builder,
    const,
    draw,
    examples,
    execute,
    make,
    named,
    one_op,
    random_cnn,
    tensor,
)

_INSTALLED = sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*.tflite"))


def assert_round_trip(graph: Graph) -> Graph:
    again = read(write(graph))
    assert_same_graph(graph, again)
    assert text(again) == text(graph)
    verify(again)
    return again


def assert_same_outputs(before: bytes, after: bytes) -> None:
    sessions = [Session(before), Session(after)]
    assert sessions[0].inputs == sessions[1].inputs
    assert sessions[0].outputs == sessions[1].outputs
    random = np.random.default_rng(0)
    for _ in range(2):
        fed = [(random.random(p.shape) * 2).astype(p.dtype) for p in sessions[0].inputs]
        for session in sessions:
            session.feed(fed)
            session.invoke()
        for a, b in zip(sessions[0].fetch(), sessions[1].fetch(), strict=True):
            assert a.tobytes() == b.tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_files_of_the_converter(name: str) -> None:
    content = converted(name)
    graph = read(content)
    assert_round_trip(graph)
    assert_same_outputs(content, write(graph))


@pytest.mark.parametrize("path", _INSTALLED, ids=lambda p: p.name)
def test_installed_files(path: Path) -> None:
    content = path.read_bytes()
    try:
        Session(content)
    except LoadError:
        pytest.skip("LiteRT itself refuses it")
    graph = read(content)
    assert_round_trip(graph)
    assert_same_outputs(content, write(graph))


@pytest.mark.parametrize("seed", range(10))
def test_random_networks(seed: int) -> None:
    graph = random_cnn(seed)
    again = assert_round_trip(graph)
    arrays = draw(graph, 2, seed)
    for a, b in zip(execute(graph, arrays), execute(again, arrays), strict=True):
        assert a.tobytes() == b.tobytes()


def test_writing_twice_gives_the_same_bytes() -> None:
    graph = random_cnn(1)
    assert write(graph) == write(graph) == write(read(write(graph)))


def test_signatures_siblings_and_metadata() -> None:
    content = converted("two_signatures")
    graph = read(content)
    names = {s.key for g in graph.graphs() for s in g.signatures}
    assert names == {"double", "both"}
    assert [m[0] for m in graph.metadata] == ["min_runtime_version", "CONVERSION_METADATA"]
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_content=write(graph)).get_signature_runner("both")
    one, two = np.full((1, 4), 5, np.float32), np.full((1, 4), 2, np.float32)
    result = runner(a=one, b=two)
    assert result["sum"].tolist() == [[7] * 4]
    assert result["difference"].tolist() == [[3] * 4]


def test_one_tensor_with_two_names() -> None:
    x = tensor("x", (1, 2))
    twice = one_op("ADD", x, x)
    graph = named(twice.with_(outputs=(twice.outputs[0], twice.outputs[0])))
    again = read(write(graph))
    assert len(again.outputs) == 2
    assert [name for name, _ in again.signatures[0].outputs] == ["y0", "y1"]


def test_metadata_description_and_version_survive() -> None:
    graph = random_cnn(0).with_(
        metadata=(("TFLITE_METADATA", b"\x00\xff" * 9), ("empty", b"")), description="α model"
    )
    assert_round_trip(graph)


def test_per_channel_quantization_keeps_its_axis() -> None:
    quant = QuantParams(np.asarray([0.1, 0.2, 0.3], np.float32), np.zeros(3, np.int64), 0, 8)
    weights = const(np.ones((3, 2), np.int8)).with_(quant=quant)
    graph = one_op("GATHER", weights, tensor("i", (1,), DType.INT32), axis=0)
    again = assert_round_trip(graph)
    found = again.ops[0].inputs[0]
    assert found is not None and found.quant is not None and found.quant.axis == 0


def test_recorded_ranges_without_scales_survive() -> None:
    quant = QuantParams(
        np.zeros(0, np.float32),
        np.zeros(0, np.int64),
        bits=32,
        minimum=np.asarray([-1], np.float32),
        maximum=np.asarray([2], np.float32),
    )
    x = tensor("x", (1, 2), quant=quant)
    assert_round_trip(one_op("ABS", x))


@pytest.mark.parametrize("dtype", [DType.INT2, DType.INT4, DType.UINT4])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8, 9])
def test_packed_constants_of_any_length(dtype: DType, count: int) -> None:
    low, high = (
        (0, 16) if dtype is DType.UINT4 else (-(2 ** (dtype.bits - 1)), 2 ** (dtype.bits - 1))
    )
    values = np.random.default_rng(count).integers(low, high, count)
    constant = const(values, "packed", dtype)
    again = assert_round_trip(Graph((), (constant,), ()))
    stored = schema.module().ModelT.InitFromPackedBuf(write(again), 0).buffers[1].data
    assert len(stored) == -(-count * dtype.bits // 8)


def test_blockwise_scales_survive() -> None:
    scales = const(np.ones((4, 1), np.float16), "scales")
    empty = np.zeros(0, np.float32), np.zeros(0, np.int64)
    quant = QuantParams(*empty, 0, 4, blockwise=Blockwise(scales, None, 32))
    weights = const(np.ones((4, 32)), "weights", DType.INT4).with_(quant=quant)
    x, y = tensor("x", (1, 32)), tensor("y", (1, 4))
    graph = Graph((x,), (y,), (make("FULLY_CONNECTED", (x, weights), (y,)),))
    assert_round_trip(graph)


def test_shared_buffers_stay_shared() -> None:
    shared = np.arange(4096, dtype=np.float32).reshape(1, 4096)
    b = Builder()
    x = b.input((1, 4096))
    one, two = const(shared, "one"), const(shared, "two")
    object.__setattr__(one, "data", shared)
    object.__setattr__(two, "data", shared)
    graph = b.graph(b.op("MUL", b.op("ADD", x, one), two))
    content = write(graph)
    assert len(content) < 1.5 * shared.nbytes
    again = read(content)
    first, second = (op.inputs[1] for op in again.ops)
    assert first is not None and second is not None and first.data is second.data
    assert len(write(again)) == len(content)


def test_shared_bytes_read_as_two_types_stay_shared() -> None:
    shared = np.zeros(1024, np.float32)
    b = Builder()
    floats = b.op("ADD", b.input((1024,)), Tensor("f", (1024,), DType.FLOAT32, shared))
    integers = Tensor("i", (1024,), DType.INT32, shared.view(np.int32))
    graph = b.graph(floats, b.op("ADD", b.input((1024,), DType.INT32), integers))
    content = write(graph)
    assert len(content) < 1.5 * shared.nbytes
    assert_round_trip(read(content))


def test_empty_constants() -> None:
    graph = one_op("RESHAPE", tensor("x", (1, 1)), const(np.zeros(0, np.int32)))
    assert graph.outputs[0].shape == ()
    again = assert_round_trip(graph)
    assert again.ops[0].inputs[1] is not None and again.ops[0].inputs[1].is_constant


def test_variable_tensors_are_state() -> None:
    state = tensor("state", (1, 4), is_variable=True)
    x, y = tensor("x", (1, 3)), tensor("y", (1, 2))
    op = make(
        "SVDF",
        (x, const(np.ones((2, 3), np.float32)), const(np.ones((2, 2), np.float32)), None, state),
        (y,),
        rank=1,
    )
    graph = Graph((x,), (y,), (op.with_(mutating=(False,) * 4 + (True,)),))
    again = assert_round_trip(graph)
    state_read = again.ops[0].inputs[4]
    assert state_read is not None and state_read.is_variable and not state_read.is_constant


def test_custom_ops_keep_name_and_options() -> None:
    x, y = tensor("x", (1,)), tensor("y", (1,))
    op = Op("CUSTOM:MyOp", (x, None), (y,), custom_options=b"\x01\x02\x03", version=2)
    other = Op("CUSTOM:Other", (y,), (tensor("z", (1,)),), custom_options=None)
    again = assert_round_trip(Graph((x,), other.outputs, (op, other)))
    assert [o.kind for o in again.ops] == ["CUSTOM:MyOp", "CUSTOM:Other"]


def test_control_flow_calls_the_same_graphs() -> None:
    loop = next(op for op in read(converted("lstm")).ops if op.kind == "WHILE")
    assert [len(g.inputs) for g in loop.subgraphs] == [len(loop.inputs)] * 2
    branch = next(op for op in read(converted("branch")).ops if op.kind == "IF")
    assert {op.kind for g in branch.subgraphs for op in g.ops} == {"MUL", "SUB"}


def test_a_graph_called_twice_is_stored_once() -> None:
    x = tensor("x", (1, 2))
    body = one_op("ABS", x)
    condition, a = tensor("c", (1,), DType.BOOL), tensor("a", (1, 2))
    outputs = [tensor(f"o{i}", (1, 2)) for i in range(2)]
    calls = tuple(make("IF", (condition, a), (o,)).with_(subgraphs=(body, body)) for o in outputs)
    graph = Graph((condition, a), tuple(outputs), calls)
    again = assert_round_trip(graph)
    assert len(list(again.graphs())) == 2


def test_buffers_start_at_multiples_of_16() -> None:
    graph = random_cnn(4).with_(metadata=(("m", b"abc"),))
    content = write(graph)
    model = schema.module().Model.GetRootAs(content, 0)
    for i in range(model.BuffersLength()):
        buffer = model.Buffers(i)
        if buffer.DataLength():
            vector = buffer._tab.Vector(buffer._tab.Offset(4))
            assert vector % 16 == 0


@pytest.mark.parametrize("dtype", [t for t in DType if t.bits > 0 and t is not DType.COMPLEX128])
def test_every_fixed_size_type(dtype: DType) -> None:
    values = np.arange(6).reshape(2, 3) % 2
    graph = Graph((), (const(values, "c", dtype),), ())
    assert_round_trip(graph)


def test_strings_are_carried_as_bytes() -> None:
    raw = np.frombuffer(b"\x01\x00\x00\x00\x0c\x00\x00\x00\x0e\x00\x00\x00hi", np.uint8)
    constant = Tensor("s", (1,), DType.STRING, raw.copy(), raw=True)
    assert_round_trip(Graph((), (constant,), ()))


def _packed(change: Callable[[object], None]) -> bytes:
    import flatbuffers

    model = schema.module().ModelT.InitFromPackedBuf(write(random_cnn(0)), 0)
    change(model)
    builder = flatbuffers.Builder(2**16)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def test_external_buffers_are_refused() -> None:
    def external(model: object) -> None:
        group = schema.module().ExternalBufferGroupT(name="weights.bin")
        model.externalBufferGroups = [group]  # type: ignore[attr-defined]

    with pytest.raises(LoadError, match="separate files"):
        read(_packed(external))


def test_old_files_fill_only_the_deprecated_code() -> None:
    def old(model: object) -> None:
        for code in model.operatorCodes:  # type: ignore[attr-defined]
            code.builtinCode = 0

    assert text(read(_packed(old))) == text(random_cnn(0))


def test_unused_operator_codes_and_tensors_are_dropped() -> None:
    def litter(model: object) -> None:
        s = schema.module()
        model.operatorCodes.append(s.OperatorCodeT(builtinCode=3))  # type: ignore[attr-defined]
        model.subgraphs[0].tensors.append(s.TensorT(name="x", shape=[7]))  # type: ignore[attr-defined]
        model.buffers.append(s.BufferT(data=np.zeros(999, np.uint8)))  # type: ignore[attr-defined]

    littered = _packed(litter)
    assert write(read(littered)) == write(random_cnn(0))


def test_dynamic_shapes_keep_their_signature() -> None:
    x = tensor("x", (1, 4), shape_signature=(-1, 4))
    y = tensor("y", (1, 4), shape_signature=(-1, 4))
    graph = Graph((x,), (y,), (make("ABS", (x,), (y,)),))
    again = assert_round_trip(graph)
    assert again.inputs[0].is_dynamic


def test_extras_default_to_an_empty_mapping() -> None:
    assert tensor("x", ()).extras == MappingProxyType({})
    assert examples(random_cnn(0), count=2).size == 2


def test_buffers_behind_the_flatbuffer_are_read() -> None:
    """Files beyond 2 GB keep constants after the flatbuffer, addressed by offset and size."""
    graph = random_cnn(0)
    wanted = text(graph)

    def moved(start: int) -> tuple[bytes, bytes]:
        tail = b""

        def change(model: object) -> None:
            nonlocal tail
            for buffer in model.buffers:  # type: ignore[attr-defined]
                if buffer.data is not None and len(buffer.data):
                    buffer.offset, buffer.size = max(start + len(tail), 2), len(buffer.data)
                    tail += np.asarray(buffer.data, np.uint8).tobytes()
                    buffer.data = None

        return _packed(change), tail

    head, _ = moved(0)
    head, tail = moved(len(head) + 64)
    start = len(moved(0)[0]) + 64
    content = head.ljust(start, b"\0") + tail
    assert text(read(content)) == wanted
    assert write(read(content)) == write(graph)
    with pytest.raises(LoadError, match="damaged"):
        read(content[:-1])


def test_sparse_weights_are_carried_through() -> None:
    s = schema.module()

    def sparse(model: object) -> None:
        weights = next(t for t in model.subgraphs[0].tensors if t.buffer and t.type == 0)  # type: ignore[attr-defined]
        weights.sparsity = s.SparsityParametersT(
            traversalOrder=[0, 1],
            dimMetadata=[s.DimensionMetadataT(format=0, denseSize=3) for _ in range(2)],
        )

    content = _packed(sparse)
    graph = read(content)
    raw = [t for t in graph.tensors() if t.raw]
    assert len(raw) == 1 and raw[0].data is not None and raw[0].data.dtype == np.uint8
    again = assert_round_trip(graph)
    assert next(t for t in again.tensors() if t.raw).extras["sparsity"].traversalOrder.tolist() == [
        0,
        1,
    ]

"""--allow-flex: ops of TensorFlow's own kernels are kept, and proved with those kernels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.errors import ConversionError, LoadError
from litesmith.graph import read, write
from litesmith.graph.flex import flex_node, flex_ops, is_flex
from litesmith.runtime import Session
from litesmith.sources import LoadOptions, open_source

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


@pytest.fixture(scope="module")
def inverse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Builtin ops before and behind one that has no .tflite kernel."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            start = np.random.default_rng(0).normal(size=(64, 5))
            self.weight = tf.Variable(start, dtype=tf.float32)

        @tf.function(input_signature=[tf.TensorSpec([1, 64], name="x")])
        def serve(self, x: Any) -> Any:
            y = tf.nn.relu(x @ self.weight)
            matrix = tf.eye(5) * 2.0 + tf.transpose(y) @ y
            return {"softmax": tf.nn.softmax(y), "inverse": tf.linalg.inv(matrix) * 3.0}

    path = tmp_path_factory.mktemp("flex") / "inverse"
    module = Module()
    tf.saved_model.save(module, str(path), module.serve)
    return path


def test_refused_unless_asked_for(inverse: Path) -> None:
    with open_source(inverse) as source, pytest.raises(ConversionError, match="MatrixInverse") as e:
        source.lower()
    assert "--allow-flex" in e.value.hint


def test_the_file_runs_in_the_child(inverse: Path) -> None:
    x = np.random.default_rng(1).normal(size=(4, 64)).astype(np.float32)
    with open_source(inverse, LoadOptions(allow_flex=True)) as source:
        data = source.lower()
        assert flex_ops(read(data)) == ("MatrixInverse",)
        session = source.session(data)
        assert [port.shape for port in session.outputs] == [(5, 5), (1, 5)]
        for a, b in zip(source.run([x]), session.run([x]), strict=True):
            assert np.std(a) > 1e-3
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("scheme", ["none", "dynamic"])
def test_export_proves_it_and_says_what_it_needs(
    inverse: Path, tmp_path: Path, scheme: str
) -> None:
    out = tmp_path / "m.tflite"
    report = litesmith.export(inverse, out, quantize=scheme, allow_flex=True)
    assert report.parity is not None
    assert [output.name for output in report.parity.outputs] == ["inverse", "softmax"]
    assert report.latency_ms is None
    assert any(w.code == "flex" and "MatrixInverse" in w.message for w in report.warnings)
    assert flex_ops(read(out.read_bytes())) == ("MatrixInverse",)


def test_int8_needs_builtin_ops(inverse: Path, tmp_path: Path) -> None:
    data = np.zeros((4, 1, 64), np.float32)[:, 0]
    with pytest.raises(ConversionError, match="MatrixInverse"):
        litesmith.export(
            inverse, tmp_path / "m.tflite", quantize="int8", data=data, allow_flex=True
        )


def test_without_such_ops_nothing_changes(tmp_path: Path) -> None:
    import tensorflow as tf

    module = tf.Module()
    module.f = tf.function(lambda x: tf.tanh(x), input_signature=[tf.TensorSpec([None, 3])])
    tf.saved_model.save(module, str(tmp_path / "m"), module.f)
    with open_source(tmp_path / "m", LoadOptions(allow_flex=True)) as source:
        Session(source.lower())


@pytest.fixture(scope="module")
def file(inverse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("file") / "inverse.tflite"
    litesmith.export(inverse, out, quantize="none", allow_flex=True)
    return out


def test_a_finished_file_is_compared_and_checked(inverse: Path, file: Path) -> None:
    found = litesmith.compare(inverse, file, allow_flex=True)
    assert found.parity is not None
    assert found.parity.relative_error < 1e-4
    assert found.b is not None
    assert "MatrixInverse" in " ".join(found.b.repairs)
    assert "FlexMatrixInverse" in " ".join(litesmith.check(file).ops)


def test_a_finished_file_is_not_timed(file: Path) -> None:
    with pytest.raises(LoadError, match=r"cannot be timed.*MatrixInverse") as error:
        litesmith.bench(file)
    assert error.value.exit_code == 3
    assert "select-TF" in error.value.hint


def _with_node(file: Path, name: str, change: Any) -> Path:
    """Return a copy of the file whose select-TF op holds a changed NodeDef."""
    import tensorflow as tf
    from flatbuffers import flexbuffers

    graph = read(file.read_bytes())
    (op,) = (op for op in graph.ops if is_flex(op))
    node = tf.compat.v1.NodeDef.FromString(flex_node(op))
    fbb = flexbuffers.Builder()
    with fbb.Vector():
        fbb.String(node.op)
        fbb.String(change(node).decode("latin-1"))
    other = replace(op, custom_options=bytes(fbb.Finish()))
    ops = tuple(other if one is op else one for one in graph.ops)
    file.with_name(name).write_bytes(write(graph.with_(ops=ops)))
    return file.with_name(name)


def _reading(node: Any) -> bytes:
    node.op = "ReadFile"
    return bytes(node.SerializeToString())


@pytest.mark.parametrize(
    ("change", "sentence"),
    [(_reading, "ReadFile"), (lambda node: b"\xff\xfe no node", "MatrixInverse is damaged")],
)
def test_hostile_and_damaged_nodes_are_not_run(
    inverse: Path, file: Path, change: Any, sentence: str
) -> None:
    other = _with_node(file, "other.tflite", change)
    with pytest.raises(LoadError, match=sentence):
        litesmith.compare(inverse, other)

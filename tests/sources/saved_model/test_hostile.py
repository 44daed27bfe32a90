"""SavedModels and frozen graphs that reach outside are refused before anything in them is run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from litesmith.errors import LoadError
from litesmith.sources import open_source

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


def _write(x: Any, path: Path) -> Any:
    import tensorflow as tf

    tf.io.write_file(str(path), "was here")
    return x


def _read(x: Any, path: Path) -> Any:
    import tensorflow as tf

    path.write_text("secret")
    return x + tf.cast(tf.strings.length(tf.io.read_file(str(path))), tf.float32)


def _python(x: Any, path: Path) -> Any:
    import tensorflow as tf

    return tf.ensure_shape(tf.numpy_function(lambda a: a * 2, [x], tf.float32), [None, 2])


def _save(x: Any, path: Path) -> Any:
    import tensorflow as tf

    tf.raw_ops.SaveV2(prefix=str(path), tensor_names=["a"], shape_and_slices=[""], tensors=[x])
    return x


def _restore(x: Any, path: Path) -> Any:
    import tensorflow as tf

    return (
        x
        + tf.raw_ops.RestoreV2(
            prefix=str(path), tensor_names=["a"], shape_and_slices=[""], dtypes=[tf.float32]
        )[0]
    )


def _print_to_file(x: Any, path: Path) -> Any:
    import tensorflow as tf

    tf.print("was here", output_stream=f"file://{path}")
    return x


def _in_a_loop(x: Any, path: Path) -> Any:
    import tensorflow as tf

    for _ in tf.range(2):
        tf.io.write_file(str(path), "was here")
        x = x + 1.0
    return x


ATTACKS: dict[str, tuple[Callable[[Any, Path], Any], str]] = {
    "write": (_write, "WriteFile"),
    "read": (_read, "ReadFile"),
    "python": (_python, "PyFunc"),
    "save": (_save, "SaveV2"),
    "restore": (_restore, "RestoreV2"),
    "print": (_print_to_file, "PrintV2"),
    "loop": (_in_a_loop, "WriteFile"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_tf2_functions(tmp_path: Path, name: str) -> None:
    import tensorflow as tf

    attack, op = ATTACKS[name]
    target = tmp_path / "target"

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2])])
        def serve(self, x: Any) -> Any:
            return attack(x, target)

    module = Module()
    tf.saved_model.save(module, str(tmp_path / "m"), module.serve)
    if name == "read":
        target.unlink()
    with open_source(tmp_path / "m") as source, pytest.raises(LoadError, match=op) as caught:
        _ = source.info
    assert "not run" in caught.value.message
    assert not target.exists()


@pytest.mark.parametrize("where", ["signature", "init"])
def test_tf1_graphs(tmp_path: Path, where: str) -> None:
    import tensorflow as tf

    v1 = tf.compat.v1
    target = tmp_path / "target"
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2])
        write = tf.raw_ops.WriteFile(filename=str(target), contents="was here")
        with tf.control_dependencies([write] if where == "signature" else []):
            y = x * 2.0
        v1.get_variable("w", initializer=1.0)
        session.run(v1.global_variables_initializer())
        signature = v1.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": y})
        builder = v1.saved_model.Builder(str(tmp_path / "m"))
        init = write if where == "init" else None
        builder.add_meta_graph_and_variables(session, ["serve"], {"p": signature}, main_op=init)
        builder.save()
    with open_source(tmp_path / "m") as source, pytest.raises(LoadError, match="WriteFile"):
        _ = source.info
    assert not target.exists()


def test_frozen_graphs(tmp_path: Path) -> None:
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        x = tf.compat.v1.placeholder(tf.float32, [None, 2], name="x")
        with tf.control_dependencies([tf.io.write_file(str(tmp_path / "target"), "a")]):
            tf.identity(x, name="y")
    (tmp_path / "m.pb").write_bytes(graph.as_graph_def().SerializeToString())
    with open_source(tmp_path / "m.pb") as source, pytest.raises(LoadError, match="WriteFile"):
        _ = source.info


def test_assets_outside_of_the_folder(tmp_path: Path) -> None:
    import tensorflow as tf
    from tensorflow.core.protobuf import saved_model_pb2

    module = tf.Module()
    module.f = tf.function(lambda x: x * 2.0, input_signature=[tf.TensorSpec([None, 2])])
    tf.saved_model.save(module, str(tmp_path / "m"), module.f)
    file = tmp_path / "m" / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    saved.meta_graphs[0].asset_file_def.add(filename="../../secret")
    file.write_bytes(saved.SerializeToString())
    with open_source(tmp_path / "m") as source, pytest.raises(LoadError, match="outside of its"):
        _ = source.info

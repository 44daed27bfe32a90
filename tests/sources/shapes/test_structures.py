"""Forms of inputs and outputs: nested, scalar, integer, unused, constant, said twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.sources.recurrent.models import keras_of, lowered, traced, varied

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process

PACKAGES = ["keras", "tf_keras"]


def _names(model: Any, **more: Any) -> tuple[list[str], list[str], Any, Any]:
    found = traced(model, **more)
    session, graph = lowered(found)
    assert list(graph.input_names()) == [spec.name for spec in found.inputs]
    assert list(graph.output_names()) == [spec.name for spec in found.outputs]
    return list(graph.input_names()), list(graph.output_names()), session, found


def _check(session: Any, found: Any, model: Any, given: dict[str, Any]) -> None:
    """Hold the file against the model, and against `run`, on named inputs."""
    batch = [given[spec.name] for spec in found.inputs]
    alone = [_flat(model(_as_called(model, given, i))) for i in range(len(batch[0]))]
    wanted = [
        np.concatenate([np.atleast_1d(y) for y in column]) for column in zip(*alone, strict=True)
    ]
    for a, b, c in zip(wanted, session.run(batch), found.run(batch), strict=True):
        np.testing.assert_allclose(np.asarray(b).reshape(a.shape), a, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(np.asarray(c).reshape(a.shape), a, rtol=1e-4, atol=1e-5)


def _as_called(model: Any, given: dict[str, Any], i: int) -> Any:
    values = [given[name][i : i + 1] for name in (t.name.split(":")[0] for t in model.inputs)]
    return values[0] if len(values) == 1 else values


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _flat(part)]
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in _flat(part)]
    return [np.asarray(value)]


def _random(shape: tuple[int, ...], seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("package", PACKAGES)
def test_several_outputs_in_their_own_order(package: str) -> None:
    keras = keras_of(package)
    zebra, apple = keras.Input((4,), name="zebra"), keras.Input((3,), name="apple")
    both = keras.layers.Concatenate()([apple, zebra])
    outputs = [keras.layers.Dense(2, name=name)(both) for name in ("yy", "bb", "zz", "aa")]
    model = varied(keras.Model([zebra, apple], outputs))
    inputs, names, session, found = _names(model)
    assert (inputs, names) == (["zebra", "apple"], ["yy", "bb", "zz", "aa"])
    _check(session, found, model, {"zebra": _random((3, 4)), "apple": _random((3, 3), 1)})


def test_nested_structures() -> None:
    keras = keras_of("keras")
    a, b, c = (keras.Input((2,), name=name) for name in ("c_in", "b_in", "a_in"))
    y = keras.layers.Dense(2, name="d")(keras.layers.Concatenate()([a, b, c]))
    z = keras.layers.Dense(1, name="e")(a)
    model = varied(keras.Model({"pair": [a, b], "one": c}, {"z": [y, z], "a": {"q": y}}))
    inputs, names, session, _ = _names(model)
    assert len(inputs) == 3
    assert len(names) == 3
    assert names[-1] == "q"
    one = {"pair": [_random((1, 2)), _random((1, 2), 1)], "one": _random((1, 2), 2)}
    wanted = model(one)
    found = session.run([*one["pair"], one["one"]])
    for x, y in zip([*wanted["z"], wanted["a"]["q"]], found, strict=True):
        np.testing.assert_allclose(y, np.asarray(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("package", PACKAGES)
def test_an_input_that_nothing_reads(package: str) -> None:
    keras = keras_of(package)
    x, spare = keras.Input((4,), name="x"), keras.Input((3,), name="spare")
    model = varied(keras.Model([spare, x], keras.layers.Dense(2, name="d")(x)))
    inputs, _, session, found = _names(model)
    assert inputs == ["spare", "x"]
    _check(session, found, model, {"spare": _random((3, 3)), "x": _random((3, 4))})


def test_a_tensor_returned_twice_and_an_input_returned() -> None:
    keras = keras_of("keras")
    x = keras.Input((4,), name="x")
    y = keras.layers.Dense(2, name="d")(x)
    model = varied(keras.Model(x, [y, x, y]))
    _, names, session, found = _names(model)
    assert names == ["d", "x", "d_1"]
    _check(session, found, model, {"x": _random((3, 4))})


def test_an_output_that_is_constant() -> None:
    keras = keras_of("keras")

    class WithVersion(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)

        def call(self, x: Any) -> Any:
            return {"scores": self.dense(x), "version": keras.ops.convert_to_tensor([3.0, 4.0])}

    model = WithVersion()
    model(np.zeros((1, 3), "float32"))
    _, names, session, _ = _names(model, shapes={})
    assert names == ["scores", "version"]
    found = session.run([_random((2, 3))])
    np.testing.assert_array_equal(found[1], [[3, 4], [3, 4]])


@pytest.mark.parametrize("dtype", ["int32", "uint8", "bool", "int64"])
def test_element_types(dtype: str) -> None:
    import tensorflow as tf

    keras = keras_of("keras")
    x = keras.Input((4,), name="x", dtype=dtype)
    cast = keras.layers.Lambda(lambda t: tf.cast(t, "float32"))
    model = varied(keras.Model(x, keras.layers.Dense(2, name="d")(cast(x))))
    _, _, session, found = _names(model)
    assert session.inputs[0].dtype == dtype
    values = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 100, (3, 4))
    _check(session, found, model, {"x": values.astype(dtype)})


def test_models_in_models_and_shared_layers() -> None:
    keras = keras_of("tf_keras")
    inner_in = keras.Input((4,))
    inner = keras.Model(inner_in, keras.layers.Dense(3, activation="tanh")(inner_in), name="inner")
    a, b = keras.Input((4,), name="b"), keras.Input((4,), name="a")
    outer = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)], name="outer")
    model = varied(keras.Model([a, b], [outer(inner(a)), outer(inner(b)), inner(a)]))
    inputs, names, session, found = _names(model)
    assert (inputs, names) == (["b", "a"], ["outer", "outer_1", "inner"])
    _check(session, found, model, {"b": _random((3, 4)), "a": _random((3, 4), 1)})


def test_an_optional_input_that_was_left_out() -> None:
    keras = keras_of("keras")

    class Attends(keras.layers.Layer):
        def call(self, x: Any, bias: Any = None) -> Any:
            return x * 2 if bias is None else x + bias

    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, name="d")(Attends()(x)))
    inputs, _, session, found = _names(varied(model))
    assert inputs == ["x"]
    _check(session, found, model, {"x": _random((3, 4))})


def _module(function: Any, *specs: Any) -> Any:
    """A function of plain TensorFlow as what a loader returns."""
    import tensorflow as tf

    from litesmith.data import TensorSpec
    from litesmith.sources.loaded import Loaded
    from litesmith.sources.traced import TracedModel

    inputs = tuple(TensorSpec(*spec) for spec in specs)
    loaded = Loaded("test", inputs, lambda tensors: function(tf, *tensors), None)
    return TracedModel(loaded, inputs)


def test_a_scalar_input() -> None:
    found = _module(
        lambda tf, x, gain: [("y", x * gain), ("g", gain + 1.0)],
        ("x", (None, 3), "float32"),
        ("gain", (), "float32"),
    )
    session, graph = lowered(found)
    assert graph.inputs[1].shape == ()
    x, gain = _random((4, 3)), np.array([1, 2, 3, 4], "float32")
    for answers in (found.run([x, gain]), session.run([x, gain])):
        np.testing.assert_allclose(answers[0], x * gain[:, None], rtol=1e-6)
        np.testing.assert_allclose(answers[1], gain + 1)


def test_an_input_without_a_batch() -> None:
    found = _module(
        lambda tf, frame: [("mean", tf.reduce_mean(frame, axis=0)), ("count", tf.size(frame))],
        ("frame", (6, 2), "float32"),
    )
    session, graph = lowered(found)
    assert graph.inputs[0].shape == (6, 2)
    frames = _random((3, 6, 2))
    for answers in (found.run([frames]), session.run([frames])):
        np.testing.assert_allclose(answers[0], frames.mean(axis=1), rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(answers[1], [12, 12, 12])

"""Files of Keras 1, of Theano, of cuDNN layers: written here as those releases wrote them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.errors import LoadError
from tests.sources.repair import broken
from tests.sources.repair.conftest import Bench

_COMMON = {"W_regularizer": None, "b_regularizer": None, "W_constraint": None, "bias": True}


def _write(
    path: Path,
    config: dict[str, Any],
    weights: dict[str, list[np.ndarray]],
    version: str | None = "1.2.2",
    backend: str | None = None,
) -> Path:
    """Write an HDF5 file as Keras 1 did: weights by layer, named like `dense_1_W`."""
    import json

    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config).encode()
        if version:
            file.attrs["keras_version"] = version.encode()
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        if backend:
            group.attrs["backend"] = backend.encode()
        for name, arrays in weights.items():
            layer = group.create_group(name)
            keys = [f"{name}_{i}" for i in range(len(arrays))]
            layer.attrs["weight_names"] = [key.encode() for key in keys]
            for key, array in zip(keys, arrays, strict=True):
                layer[key] = array
    return path


def _random(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).uniform(-0.5, 0.5, shape).astype("float32")


def _conv(name: str, filters: int, **more: Any) -> dict[str, Any]:
    config = {
        **{"name": name, "trainable": True, "nb_filter": filters, "nb_row": 3, "nb_col": 3},
        **{"init": "glorot_uniform", "activation": "relu", "border_mode": "valid"},
        **{"subsample": [1, 1], "dim_ordering": "tf", **_COMMON, **more},
    }
    return {"class_name": "Convolution2D", "config": config}


def _dense(name: str, units: int, **more: Any) -> dict[str, Any]:
    config = {"name": name, "output_dim": units, "init": "glorot_uniform", "input_dim": None}
    return {"class_name": "Dense", "config": {**config, "activation": "linear", **_COMMON, **more}}


def _layer(kind: str, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": config}


def _images(keras: Any, kernel: np.ndarray, bias: np.ndarray, norm: Any, dense: Any) -> Any:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.BatchNormalization(epsilon=1e-5),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    model.set_weights([kernel, bias, *norm[:2], *norm[2:], *dense])
    return model


def test_convolutional(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    pool = {"pool_size": [2, 2], "strides": [2, 2], "border_mode": "valid", "dim_ordering": "tf"}
    norm_options = {"epsilon": 1e-5, "mode": 0, "axis": -1, "momentum": 0.99}
    config = {
        "class_name": "Sequential",
        "keras_version": "1.2.2",
        "config": [
            _conv("convolution2d_1", 4, batch_input_shape=[None, 8, 8, 3], input_dtype="float32"),
            _layer("MaxPooling2D", name="maxpooling2d_1", trainable=True, **pool),
            _layer("BatchNormalization", name="bn", gamma_regularizer=None, **norm_options),
            _layer("Dropout", name="dropout_1", p=0.25),
            _layer("Flatten", name="flatten_1"),
            _dense("dense_1", 3),
            _layer("Activation", name="activation_1", activation="softmax"),
        ],
    }
    kernel, bias = _random(3, 3, 3, 4), _random(4)
    norm = [_random(4) + 1, _random(4), _random(4), _random(4) + 1]
    dense = [_random(36, 3), _random(3)]
    weights = {"convolution2d_1": [kernel, bias], "bn": norm, "dense_1": dense, "dropout_1": []}
    path = _write(tmp_path / "m.h5", config, weights)
    loaded = bench.load(path)
    assert "Keras 1" in " ".join(loaded.notes)
    assert loaded.inputs[0].shape == (None, 8, 8, 3)
    bench.same(loaded, _images(tf_keras, kernel, bias, norm, dense))


@pytest.mark.parametrize("theano", [False, True])
def test_theano_order(bench: Bench, tmp_path: Path, theano: bool) -> None:
    import tf_keras

    first = {"batch_input_shape": [None, 3, 8, 8], "dim_ordering": "th"}
    config = {
        "class_name": "Sequential",
        "config": [
            _conv("c", 4, **first),
            _layer("Flatten", name="flatten_1"),
            _dense("dense_1", 3),
        ],
    }
    kernel, bias, dense = _random(3, 3, 3, 4), _random(4), [_random(144, 3), _random(3)]
    stored = np.transpose(kernel[::-1, ::-1] if theano else kernel, (3, 2, 0, 1))
    weights = {"c": [stored, bias], "dense_1": dense}
    path = _write(tmp_path / "m.h5", config, weights, None, "theano" if theano else None)
    loaded = bench.load(path)
    assert ("Theano" in " ".join(loaded.notes)) == theano
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            tf_keras.Input((3, 8, 8)),
            layers.Permute((2, 3, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Permute((3, 1, 2)),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )
    model.set_weights([kernel, bias, *dense])
    bench.same(loaded, model)


def test_theano_of_keras_2(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    model, path = broken.image_model(tf_keras), tmp_path / "m.h5"
    model.save(path)

    def edit(file: Any) -> None:
        file.attrs["backend"] = file["model_weights"].attrs["backend"] = b"theano"
        for name in ("up", "inner"):
            for key, value in broken.leaves(file["model_weights"][name]):
                if "kernel" in key:
                    file["model_weights"][name][key][...] = value[::-1, ::-1]

    loaded = bench.load(broken.edit_hdf5(path, file=edit))
    bench.same(loaded, model)


def test_recurrent(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    gates = {g: [_random(4, 3) * (i + 1), _random(3, 3), _random(3)] for i, g in enumerate("icfo")}
    options = {"init": "glorot_uniform", "inner_init": "orthogonal", "forget_bias_init": "one"}
    lstm = _layer(
        "LSTM",
        name="lstm_1",
        output_dim=3,
        activation="tanh",
        inner_activation="hard_sigmoid",
        return_sequences=False,
        consume_less="cpu",
        dropout_W=0.0,
        dropout_U=0.0,
        W_regularizer=None,
        U_regularizer=None,
        batch_input_shape=[None, 6, 4],
        input_dim=4,
        input_length=6,
        **options,
    )
    config = {"class_name": "Sequential", "config": [lstm, _dense("dense_1", 2)]}
    weights = {"lstm_1": [w for g in "icfo" for w in gates[g]]}
    weights["dense_1"] = [_random(3, 2), _random(2)]
    loaded = bench.load(_write(tmp_path / "m.h5", config, weights))
    model = tf_keras.Sequential(
        [
            tf_keras.Input((6, 4)),
            tf_keras.layers.LSTM(3, recurrent_activation="hard_sigmoid"),
            tf_keras.layers.Dense(2),
        ]
    )
    joined = [np.concatenate([gates[g][i] for g in "ifco"], axis=-1) for i in range(3)]
    model.set_weights([*joined, *weights["dense_1"]])
    bench.same(loaded, model)


_MERGES = [
    ("sum", {}, lambda layers: layers.Add()),
    ("concat", {"concat_axis": -1}, lambda layers: layers.Concatenate()),
    ("mul", {}, lambda layers: layers.Multiply()),
    ("ave", {}, lambda layers: layers.Average()),
    ("max", {}, lambda layers: layers.Maximum()),
    ("dot", {"dot_axes": [1, 1]}, lambda layers: layers.Dot(1)),
]


@pytest.mark.parametrize(("mode", "options", "today"), _MERGES)
@pytest.mark.parametrize("sequential", [False, True])
def test_merge(
    bench: Bench, tmp_path: Path, mode: str, options: Any, today: Any, sequential: bool
) -> None:
    import tf_keras

    a, b = [_random(5, 3), _random(3)], [_random(5, 3) * 2, _random(3)]
    merge = {"name": "merge_1", "mode": mode, "mode_type": "raw", "output_shape": None, **options}
    if sequential:
        branches = [
            {"class_name": "Sequential", "config": [_dense(n, 3, batch_input_shape=[None, 5])]}
            for n in "ab"
        ]
        head = _layer("Merge", **merge, layers=branches)
        config = {"class_name": "Sequential", "config": [head, _layer("Flatten", name="end")]}
    else:
        config = _graph(merge)
    path = _write(tmp_path / "m.h5", config, {"a": a, "b": b})
    loaded = bench.load(path)
    assert "Merge" in " ".join(loaded.notes)
    one, two = tf_keras.Input((5,)), tf_keras.Input((5,))
    layers = tf_keras.layers
    ends = today(layers)([layers.Dense(3)(one), layers.Dense(3)(two)])
    model = tf_keras.Model([one, two], layers.Flatten()(ends))
    model.set_weights([*a, *b])
    bench.same(loaded, model)


def _graph(merge: dict[str, Any]) -> dict[str, Any]:
    def placed(layer: dict[str, Any], *sources: str) -> dict[str, Any]:
        inbound = [[[source, 0, 0] for source in sources]] if sources else []
        return {**layer, "name": layer["config"]["name"], "inbound_nodes": inbound}

    shape = {"batch_input_shape": [None, 5], "input_dtype": "float32", "sparse": False}
    entries = [
        placed(_layer("InputLayer", name="one", **shape)),
        placed(_layer("InputLayer", name="two", **shape)),
        placed(_dense("a", 3), "one"),
        placed(_dense("b", 3), "two"),
        placed(_layer("Merge", **merge), "a", "b"),
        placed(_layer("Flatten", name="end"), "merge_1"),
    ]
    inner = {"name": "model_1", "layers": entries}
    inner |= {"input_layers": [["one", 0, 0], ["two", 0, 0]], "output_layers": [["end", 0, 0]]}
    return {"class_name": "Model", "config": inner}


def test_what_no_keras_of_today_has_is_named(bench: Bench, tmp_path: Path) -> None:
    config = {
        "class_name": "Sequential",
        "config": [_layer("MaxoutDense", name="m", output_dim=3, nb_feature=4, **_COMMON)],
    }
    with pytest.raises(LoadError, match="MaxoutDense"):
        bench.load(_write(tmp_path / "m.h5", config, {"m": [_random(4, 5, 3), _random(4, 3)]}))


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_cudnn(bench: Bench, tmp_path: Path, kind: str) -> None:
    import tf_keras

    units, gates = 3, 4 if kind == "LSTM" else 3
    kernel, recurrent = _random(4, units * gates), _random(units, units * gates)
    bias = _random(2 * units * gates)
    options = {"name": "r", "units": units, "return_sequences": False, "go_backwards": False}
    recurrence = _layer(f"CuDNN{kind}", batch_input_shape=[None, 6, 4], stateful=False, **options)
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [recurrence]}}
    loaded = bench.load(
        _write(tmp_path / "m.h5", config, {"r": [kernel, recurrent, bias]}, "2.2.4")
    )
    more = {} if kind == "LSTM" else {"reset_after": True}
    model = tf_keras.Sequential(
        [tf_keras.Input((6, 4)), getattr(tf_keras.layers, kind)(units, **more)]
    )
    flat = np.hstack([k.T.reshape(k.shape, order="F") for k in np.hsplit(kernel, gates)])
    turned = np.hstack([k.T for k in np.hsplit(recurrent, gates)])
    summed = bias.reshape(2, -1).sum(0) if kind == "LSTM" else bias.reshape(2, -1)
    model.set_weights([flat, turned, summed])
    bench.same(loaded, model)


def test_dense_per_step(bench: Bench, tmp_path: Path) -> None:
    import tf_keras

    first = _dense("t", 3, batch_input_shape=[None, 6, 4], input_length=None)
    first["class_name"] = "TimeDistributedDense"
    config = {"class_name": "Sequential", "config": [first, _layer("Flatten", name="f")]}
    weights = [_random(4, 3), _random(3)]
    loaded = bench.load(_write(tmp_path / "m.h5", config, {"t": weights}))
    layers = [tf_keras.Input((6, 4)), tf_keras.layers.Dense(3), tf_keras.layers.Flatten()]
    model = tf_keras.Sequential(layers)
    model.set_weights(weights)
    bench.same(loaded, model)

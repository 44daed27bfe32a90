"""Makes small .tflite files with TensorFlow's converter; run in a process of its own.

Usage: python make_converted.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np


def main(folder: Path) -> None:
    import tensorflow as tf

    tf.random.set_seed(1)
    for name, content in (*_images(tf), *_functions(tf)):
        (folder / f"{name}.tflite").write_bytes(content)


def _function(tf: Any, call: Callable[..., Any], *shapes: tuple[int, ...]) -> Any:
    return tf.function(call).get_concrete_function(*(tf.TensorSpec(s, tf.float32) for s in shapes))


def _images(tf: Any) -> Iterator[tuple[str, bytes]]:
    random = np.random.default_rng(2)

    def variable(*shape: int) -> Any:
        return tf.constant(random.normal(0, 0.4, shape), tf.float32)

    conv, bias, depth, dense = (
        variable(3, 3, 3, 8),
        variable(8),
        variable(3, 3, 8, 1),
        variable(8, 5),
    )

    def call(x: Any) -> Any:
        x = tf.nn.relu6(tf.nn.conv2d(x, conv, 2, "SAME") + bias)
        y = tf.nn.depthwise_conv2d(x, depth, (1, 1, 1, 1), "SAME")
        x = tf.nn.max_pool2d(tf.nn.relu(x + y), 2, 2, "VALID")
        return tf.nn.softmax(tf.reduce_mean(x, (1, 2)) @ dense)

    function = _function(tf, call, (1, 12, 12, 3))
    data = [[random.uniform(-1, 1, (1, 12, 12, 3)).astype(np.float32)] for _ in range(8)]

    def convert(small: Any = None, integer: Any = None) -> bytes:
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
        if small or integer:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if small:
            converter.target_spec.supported_types = [small]
        if integer:
            converter.representative_dataset = lambda: iter(data)
            converter.target_spec.supported_ops = [integer]
        return bytes(converter.convert())

    ops = tf.lite.OpsSet
    wide = ops.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    yield "cnn_float", convert()
    yield "cnn_float16", convert(small=tf.float16)
    yield "cnn_int8", convert(integer=ops.TFLITE_BUILTINS_INT8)
    yield "cnn_int16x8", convert(integer=wide)


def _functions(tf: Any) -> Iterator[tuple[str, bytes]]:
    def loop(x: Any) -> Any:
        state = tf.zeros((1, 4))
        kernel = tf.constant(np.random.default_rng(3).normal(0, 0.4, (4, 4)), tf.float32)
        for step in tf.range(5):
            state = tf.tanh(x[:, step] + state @ kernel)
        return tf.reduce_sum(state * 2.0, -1, keepdims=True)

    def branch(x: Any) -> Any:
        return tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2.0, lambda: x - 1.0)

    lstm = tf.keras.layers.LSTM(6, unroll=False)
    lstm.build((1, 7, 3))
    for name, call, shape in (
        ("loop", loop, (1, 5, 4)),
        ("branch", branch, (1, 3)),
        ("lstm", lambda x: lstm(x), (1, 7, 3)),
    ):
        function = _function(tf, call, shape)
        frozen = _frozen(function)
        yield name, bytes(tf.lite.TFLiteConverter.from_concrete_functions([frozen]).convert())
    yield "two_signatures", _two_signatures(tf)
    yield "counter", _counter(tf)


def _frozen(function: Any) -> Any:
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    return convert_variables_to_constants_v2(function, lower_control_flow=False)


def _two_signatures(tf: Any) -> bytes:
    class Two(tf.Module):  # type: ignore[misc]
        @tf.function(input_signature=[tf.TensorSpec((1, 4), tf.float32, name="x")])
        def double(self, x: Any) -> Any:
            return {"doubled": x * 2.0}

        @tf.function(
            input_signature=[
                tf.TensorSpec((1, 4), tf.float32, name="a"),
                tf.TensorSpec((1, 4), tf.float32, name="b"),
            ]
        )
        def both(self, a: Any, b: Any) -> Any:
            return {"sum": a + b, "difference": a - b}

    module = Two()
    functions = [module.double.get_concrete_function(), module.both.get_concrete_function()]
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions(functions, module).convert())


def _counter(tf: Any) -> bytes:
    class Counter(tf.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.total = tf.Variable(tf.zeros((1, 3)))

        @tf.function(input_signature=[tf.TensorSpec((1, 3), tf.float32, name="x")])
        def add(self, x: Any) -> Any:
            return self.total.assign_add(x)

    module = Counter()
    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [module.add.get_concrete_function()], module
    )
    converter.experimental_enable_resource_variables = True
    return bytes(converter.convert())


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Bodies of Lambda layers that people write; each defines `f`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Body:
    """A body that must be proved.

    Attributes:
        source: Python that defines `f`.
        text: what the proof must read.
        shapes: of the input, batch included; several: a list of inputs.
        closure, defaults, arguments: as Keras stores them.
        given: Python that defines the user's objects.
    """

    source: str
    text: str
    shapes: tuple[tuple[int, ...], ...] = ((2, 4, 6, 3),)
    closure: tuple[Any, ...] = ()
    defaults: tuple[Any, ...] = ()
    arguments: tuple[tuple[str, Any], ...] = ()


_TWO = ((2, 5), (2, 5))
_CLOSURE = """
def outer():
    mean, std = 1.5, 2.0
    return lambda x: (x - mean) / std
f = outer()
"""
_STATEMENTS = """
def f(x):
    y = x / 255.0
    y -= 0.5
    return y * 2
"""
_IMPORT = """
def f(x):
    import tensorflow as tf
    from keras import backend as K
    return tf.reshape(K.abs(x), (-1, 72))
"""
_IMPORT_DOTTED = """
def f(x):
    import tensorflow.keras.backend as K
    return K.square(x)
"""
_UNPACK = """
def f(inputs):
    a, b = inputs
    return K.abs(a - b)
"""
_DOC = """
def f(x):
    'Scales.'
    return x * 0.5
"""

GOOD: dict[str, Body] = {
    "scale": Body("f = lambda x: x / 127.5 - 1", "x / 127.5 - 1"),
    "unit": Body("f = lambda x: x / 255.", "x / 255.0"),
    "whole": Body("f = lambda x: x / 255", "x / 255"),
    "affine": Body("f = lambda x: 2 * x + 0.5", "2 * x + 0.5"),
    "standard": Body("f = lambda x: (x - 127.5) / 127.5", "(x - 127.5) / 127.5"),
    "folded": Body("f = lambda x: x * (1. / 255)", "x * 0.00392156862745098"),
    "negated": Body("f = lambda x: 1 - -x", "1 - -x"),
    "power": Body("f = lambda x: x ** 2", "x ** 2"),
    "modulo": Body("f = lambda x: (x % 3) // 2", "x % 3 // 2"),
    "closure": Body(_CLOSURE, "(x - 1.5) / 2.0", closure=(1.5, 2.0)),
    "default": Body("f = lambda x, s=3.0: x * s", "x * 3.0", defaults=(3.0,)),
    "argument": Body("f = lambda x, s: x * s", "x * 0.5", arguments=(("s", 0.5),)),
    "statements": Body(_STATEMENTS, "(x / 255.0 - 0.5) * 2"),
    "docstring": Body(_DOC, "x * 0.5"),
    "import": Body(_IMPORT, "tf.reshape(K.abs(x), (-1, 72))"),
    "import_dotted": Body(_IMPORT_DOTTED, "K.square(x)"),
    "reshape": Body("f = lambda x: tf.reshape(x, [-1, 6, 12])", "tf.reshape(x, [-1, 6, 12])"),
    "k_reshape": Body("f = lambda x: K.reshape(x, (-1, 24, 3))", "K.reshape(x, (-1, 24, 3))"),
    "by_shape": Body(
        "f = lambda x: tf.reshape(x, (-1, x.shape[1] * x.shape[2], 3))",
        "tf.reshape(x, (-1, x.shape[1] * x.shape[2], 3))",
    ),
    "old_shape": Body(
        "f = lambda x: tf.reshape(x, [-1, x.get_shape().as_list()[1], 18])",
        "tf.reshape(x, [-1, x.get_shape().as_list()[1], 18])",
    ),
    "int_shape": Body(
        "f = lambda x: K.reshape(x, (-1, K.int_shape(x)[1], 18))",
        "K.reshape(x, (-1, K.int_shape(x)[1], 18))",
    ),
    "dynamic_shape": Body(
        "f = lambda x: tf.reshape(x, (tf.shape(x)[0], -1))", "tf.reshape(x, (tf.shape(x)[0], -1))"
    ),
    "resize": Body("f = lambda x: tf.image.resize(x, (8, 8))", "tf.image.resize(x, (8, 8))"),
    "resize_named": Body(
        "f = lambda x: tf.image.resize(x, size=[8, 9], method='nearest')",
        "tf.image.resize(x, size=[8, 9], method='nearest')",
    ),
    "resize_method": Body(
        "f = lambda x: tf.image.resize(x, (8, 8), method=tf.image.ResizeMethod.NEAREST_NEIGHBOR)",
        "tf.image.resize(x, (8, 8), method='nearest')",
    ),
    "k_resize": Body(
        "f = lambda x: K.resize_images(x, 2, 3, 'channels_last', interpolation='bilinear')",
        "K.resize_images(x, 2, 3, 'channels_last', interpolation='bilinear')",
    ),
    "resize_1": Body(
        "f = lambda x: tf.image.resize_images(x, (8, 8))", "tf1.image.resize_images(x, (8, 8))"
    ),
    "resize_compat": Body(
        "f = lambda x: tf.compat.v1.image.resize_bilinear(x, [8, 8], align_corners=True)",
        "tf1.image.resize_bilinear(x, [8, 8], align_corners=True)",
    ),
    "l2": Body("f = lambda x: K.l2_normalize(x, axis=1)", "K.l2_normalize(x, axis=1)"),
    "tf_l2": Body(
        "f = lambda t: tf.math.l2_normalize(t, axis=-1)", "tf.math.l2_normalize(t, axis=-1)"
    ),
    "keras_l2": Body(
        "f = lambda x: tf.keras.backend.l2_normalize(x, axis=-1)", "K.l2_normalize(x, axis=-1)"
    ),
    "concat": Body("f = lambda x: K.concatenate(x, axis=-1)", "K.concatenate(x, axis=-1)", _TWO),
    "tf_concat": Body(
        "f = lambda t: tf.concat([t[0], t[1]], 1)", "tf.concat([t[0], t[1]], 1)", _TWO
    ),
    "distance": Body("f = lambda x: K.abs(x[0] - x[1])", "K.abs(x[0] - x[1])", _TWO),
    "unpack": Body(_UNPACK, "K.abs(inputs[0] - inputs[1])", _TWO),
    "euclid": Body(
        "f = lambda v: K.sqrt(K.maximum(K.sum(K.square(v[0] - v[1]), axis=1, keepdims=True), "
        "K.epsilon()))",
        "K.sqrt(K.maximum(K.sum(K.square(v[0] - v[1]), axis=1, keepdims=True), K.epsilon()))",
        _TWO,
    ),
    "mean": Body("f = lambda x: K.mean(x, axis=[1, 2])", "K.mean(x, axis=[1, 2])"),
    "three_axes": Body("f = lambda x: tf.reduce_sum(x, [1, 2, 3])", "tf.reduce_sum(x, [1, 2, 3])"),
    "max": Body("f = lambda x: tf.reduce_max(x, axis=1)", "tf.reduce_max(x, axis=1)"),
    "squeeze": Body("f = lambda x: K.squeeze(x, 1)", "K.squeeze(x, 1)", ((2, 1, 5),)),
    "expand": Body("f = lambda x: K.expand_dims(x, axis=-1)", "K.expand_dims(x, axis=-1)"),
    "expand_by_index": Body("f = lambda x: x[:, None, :]", "x[:, None, :]", ((2, 5),)),
    "relu": Body("f = lambda x: tf.nn.relu(x)", "tf.nn.relu(x)"),
    "relu6": Body("f = lambda x: K.relu(x, max_value=6)", "K.relu(x, max_value=6)"),
    "clip": Body("f = lambda x: K.clip(x, -0.5, 0.5)", "K.clip(x, -0.5, 0.5)"),
    "sqrt": Body("f = lambda x: tf.sqrt(tf.abs(x))", "tf.sqrt(tf.abs(x))"),
    "slice": Body("f = lambda x: x[:, 1:3]", "x[:, 1:3]"),
    "slice_first": Body("f = lambda x: x[1:]", "x[1:]"),
    "slice_last": Body("f = lambda x: x[:, -1, :]", "x[:, -1, :]"),
    "slice_step": Body("f = lambda x: x[:, :, ::2, :]", "x[:, :, ::2, :]"),
    "slice_dots": Body("f = lambda x: x[..., :2]", "x[..., :2]"),
    "slice_wide": Body("f = lambda x: x[:, 1:, :-1]", "x[:, 1:, :-1]"),
    "reverse": Body("f = lambda x: x[..., ::-1]", "x[..., ::-1]"),
    "cast": Body("f = lambda x: tf.cast(x, tf.float32)", "tf.cast(x, 'float32')"),
    "cast_text": Body("f = lambda x: K.cast(x, 'float32') * 2", "K.cast(x, 'float32') * 2"),
    "threshold": Body("f = lambda x: tf.cast(x > 0.5, 'float32')", "tf.cast(x > 0.5, 'float32')"),
    "transpose": Body(
        "f = lambda x: K.permute_dimensions(x, (0, 2, 1, 3))",
        "K.permute_dimensions(x, (0, 2, 1, 3))",
    ),
    "stack": Body("f = lambda x: tf.stack(x, axis=1)", "tf.stack(x, axis=1)", _TWO),
    "pad": Body(
        "f = lambda x: tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], 'REFLECT')",
        "tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], 'REFLECT')",
    ),
    "shuffle": Body(
        "f = lambda x: tf.nn.depth_to_space(x, 2)", "tf.nn.depth_to_space(x, 2)", ((2, 3, 4, 8),)
    ),
    "softmax": Body(
        "f = lambda x: tf.nn.softmax(x / 2.0, axis=-1)", "tf.nn.softmax(x / 2.0, axis=-1)"
    ),
    "normalised": Body(
        "f = lambda x: x / (tf.norm(x, axis=-1, keepdims=True) + 1e-6)",
        "x / (tf.norm(x, axis=-1, keepdims=True) + 1e-06)",
    ),
    "numpy": Body("f = lambda x: x * np.sqrt(2.0)", "x * np.sqrt(2.0)"),
    "pi": Body("f = lambda x: x * np.pi", "x * 3.141592653589793"),
    "weights": Body(
        "f = lambda x: tf.reduce_sum(x * tf.constant([0.299, 0.587, 0.114]), -1)",
        "tf.reduce_sum(x * tf.constant([0.299, 0.587, 0.114]), -1)",
    ),
    "identity": Body("f = lambda x: x", "x"),
    "matmul": Body(
        "f = lambda x: tf.matmul(x[0], x[1], transpose_b=True)",
        "tf.matmul(x[0], x[1], transpose_b=True)",
        ((2, 3, 4), (2, 5, 4)),
    ),
}

# Source and a word of the reason.
REFUSED: dict[str, tuple[str, str]] = {
    "system": ("import os\nf = lambda x: (os.system('touch SENTINEL'), x)[1]", "os"),
    "imports": ("def f(x):\n    import os\n    os.system('touch SENTINEL')\n    return x", "os"),
    "builtins": ("f = lambda x: __import__('os').system('touch SENTINEL') or x", "__import__"),
    "evaluates": ("f = lambda x: (eval('1'), x)[1]", "eval"),
    "opens": ("f = lambda x: (open('SENTINEL', 'w'), x)[1]", "open"),
    "writes": ("f = lambda x: tf.io.write_file('SENTINEL', x)", "tf.io"),
    "reads": ("f = lambda x: tf.io.read_file(x)", "tf.io"),
    "calls_python": ("f = lambda x: tf.py_function(x, [x], 'float32')", "tf.py_function"),
    "numpy_file": ("f = lambda x: x + np.load('SENTINEL', allow_pickle=True)", "np.load"),
    "dunder": ("f = lambda x: x.__class__.__mro__", "__class__"),
    "method": ("f = lambda x: x.numpy()", "numpy"),
    "global": ("f = lambda x: x / c", "'c'"),
    "random": ("f = lambda x: x + tf.random.normal((3,))", "tf.random"),
    "decides": ("f = lambda x: x if x.shape[0] else -x", "straight"),
    "loops": ("def f(x):\n    for i in range(3):\n        x = x * i\n    return x", "range"),
    "inner": ("f = lambda x: (lambda y: y * 2)(x)", "inside"),
    "constant": ("f = lambda x: 5.0", "depend"),
    "star": ("f = lambda *x: x", "more than one"),
    "huge": ("f = lambda x: x * (x.shape[0] * 0 + 9 ** 99999)", ""),
    "doubling": ("def f(x):\n" + "    x = x * x\n" * 60 + "    return x", "long"),
    "no_input": ("f = lambda: 3", "no input"),
    "generator": ("def f(x):\n    yield x", "more than one"),
    "keyword_only": ("f = lambda x, **k: x", "more than one"),
    "equality": ("f = lambda x: tf.cast(x == 1, 'float32')", "equality"),
}

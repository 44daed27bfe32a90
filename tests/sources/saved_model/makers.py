"""SavedModels of many origins, small and made by code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def _spec(shape: Any, dtype: str = "float32", name: str = "x") -> Any:
    import tensorflow as tf

    return tf.TensorSpec(shape, dtype, name)


def _module() -> Any:
    """A module of many functions, TF-Hub style: weights shared, no Keras."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            random = np.random.default_rng(1)
            self.weight = tf.Variable(random.normal(size=(16, 16)), dtype="float32")
            self.head = tf.Variable(random.normal(size=(16, 3)), dtype="float32")

        @tf.function(input_signature=[_spec([None, 16])])
        def embed(self, x: Any) -> Any:
            return {"embedding": tf.nn.relu(x @ self.weight)}

        @tf.function(input_signature=[_spec([None, 16])])
        def classify(self, x: Any) -> Any:
            return {"scores": tf.nn.softmax(tf.nn.relu(x @ self.weight) @ self.head)}

        @tf.function(input_signature=[_spec(None)])
        def any_rank(self, x: Any) -> Any:
            return {"y": x * 2.0 + 1.0}

        @tf.function(input_signature=[_spec([None, None, 3])])
        def any_size(self, x: Any) -> Any:
            return {"y": tf.reduce_sum(x * 2.0, 1)}

        @tf.function(
            input_signature=[_spec([None, 4], "uint8", "z"), _spec([None, 4], "int32", "a")]
        )
        def integers(self, z: Any, a: Any) -> Any:
            return {"y": tf.cast(z, tf.float32) - 2.0 * tf.cast(a, tf.float32)}

        @tf.function(input_signature=[_spec([None, 4])])
        def loop(self, x: Any) -> Any:
            for _ in tf.range(5):
                x = tf.tanh(x) + 0.1
            return {"y": x}

        @tf.function(input_signature=[_spec([None, 4])])
        def until_all_are_small(self, x: Any) -> Any:
            if tf.reduce_max(tf.abs(x)) > 0.9:
                x = x * 0.5
            return {"y": x}

        @tf.function(input_signature=[_spec([None])])
        def wave(self, x: Any) -> Any:
            return {"energy": tf.reduce_sum(x * x, keepdims=True)}

        @tf.function(input_signature=[_spec([None, 3])])
        def labelled(self, x: Any) -> Any:
            names = tf.constant(["cat", "dog", "cow"])
            return {"scores": tf.nn.softmax(x), "names": tf.gather(names, tf.argmax(x, 1))}

        @tf.function(input_signature=[_spec([None], "string", "examples")])
        def records(self, examples: Any) -> Any:
            features = {
                "a": tf.io.FixedLenFeature([3], tf.float32),
                "b": tf.io.FixedLenFeature([2], tf.int64),
            }
            found = tf.io.parse_example(examples, features)
            both = tf.concat([found["a"], tf.cast(found["b"], tf.float32)], 1)
            return {"scores": tf.nn.softmax(both), "names": tf.strings.as_string(both)}

    return Module()


def hub(path: Path) -> None:
    """Several signatures."""
    import tensorflow as tf

    module = _module()
    names = ("embed", "classify", "any_rank", "any_size", "integers", "loop", "wave", "labelled")
    more = ("records", "until_all_are_small")
    tf.saved_model.save(module, str(path), {name: getattr(module, name) for name in names + more})


def functions_only(path: Path) -> None:
    """Functions, no signature."""
    import tensorflow as tf

    tf.saved_model.save(_module(), str(path))


def callable_only(path: Path) -> None:
    """`__call__` with a training argument, no signature."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = tf.Variable(np.random.default_rng(3).normal(size=(4, 2)), dtype="float32")

        @tf.function
        def __call__(self, images: Any, training: bool = False) -> Any:
            return (images + (100.0 if training else 0.0)) @ self.weight, {"same": images}

    module = Module()
    for training in (True, False):
        module(tf.zeros([2, 4]), training)  # the traces that are saved
        module.__call__.get_concrete_function(_spec([None, 4], name="images"), training)
    tf.saved_model.save(module, str(path))


def tables(path: Path) -> None:
    """Tables of numbers, static and mutable, with gaps and without."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            lookup = tf.lookup
            pairs = lookup.KeyValueTensorInitializer
            sparse = pairs(tf.constant([3, 5, 90], tf.int64), tf.constant([1.0, 2.0, 4.0]))
            dense = pairs(tf.constant([1, 0, 2], tf.int64), tf.constant([7, 8, 9], tf.int64))
            self.sparse = lookup.StaticHashTable(sparse, -1.0)
            self.dense = lookup.StaticHashTable(dense, -5)
            self.mutable = lookup.experimental.MutableHashTable(tf.int64, tf.int64, 0)
            self.mutable.insert(tf.constant([1, 2], tf.int64), tf.constant([10, 20], tf.int64))

        @tf.function(input_signature=[_spec([None, 3], "int64", "ids")])
        def look(self, ids: Any) -> Any:
            return {
                "dense": self.dense.lookup(ids),
                "mutable": self.mutable.lookup(ids),
                "sparse": self.sparse.lookup(ids),
            }

    module = Module()
    tf.saved_model.save(module, str(path), module.look)


def counting(path: Path) -> None:
    """A table that the model itself fills."""
    import tensorflow as tf

    class Module(tf.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen = tf.lookup.experimental.MutableHashTable(tf.int64, tf.int64, 0)

        @tf.function(input_signature=[_spec([None], "int64", "ids")])
        def look(self, ids: Any) -> Any:
            self.seen.insert(ids, self.seen.lookup(ids) + 1)
            return {"seen": self.seen.lookup(ids)}

    module = Module()
    tf.saved_model.save(module, str(path), module.look)


def tf1(path: Path, tags: tuple[str, ...] = ("serve",), train: bool = False) -> None:
    """The builder of TF1: reference variables, branches and a loop of TF1, a table."""
    import tensorflow as tf

    v1 = tf.compat.v1
    graph = tf.Graph()
    v1.disable_control_flow_v2()
    try:
        with graph.as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None, 3], name="features")
            start = np.random.default_rng(4).normal(size=(3, 3)).astype("float32") * 0.4
            w = v1.get_variable("w", initializer=start, use_resource=False)
            y = v1.cond(tf.reduce_sum(w) > 0, lambda: tf.matmul(x, w), lambda: x - 1.0)
            _, z = v1.while_loop(
                lambda i, z: i < 3,
                lambda i, z: (i + 1, tf.matmul(z, w) + 1.0),
                [tf.constant(0), y],
                shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 3])],
            )
            keys = tf.constant([0, 1, 2], tf.int64)
            values = tf.lookup.KeyValueTensorInitializer(keys, tf.constant([5.0, 6.0, 7.0]))
            table = tf.lookup.StaticHashTable(values, 0.0)
            code = table.lookup(tf.argmax(z, 1))
            session.run(v1.global_variables_initializer())
            session.run(v1.tables_initializer())
            builder = v1.saved_model.Builder(str(path))
            signature = v1.saved_model.signature_def_utils.predict_signature_def(
                {"x": x}, {"out": z, "code": code}
            )
            if train:
                builder.add_meta_graph_and_variables(session, ["train"], {})
                builder.add_meta_graph(
                    list(tags), {"predict": signature}, main_op=v1.tables_initializer()
                )
            else:
                builder.add_meta_graph_and_variables(
                    session, list(tags), {"predict": signature}, main_op=v1.tables_initializer()
                )
            builder.save()
    finally:
        v1.enable_control_flow_v2()


MAKERS: dict[str, Callable[[Path], None]] = {
    "hub": hub,
    "functions_only": functions_only,
    "callable_only": callable_only,
    "tables": tables,
    "counting": counting,
    "tf1": tf1,
    "tf1_train_and_serve": lambda path: tf1(path, train=True),
}

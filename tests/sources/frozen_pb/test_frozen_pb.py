"""TF1 frozen graphs: ends guessed or said, control flow, switches, damage."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith.errors import InputError, LitesmithError, LoadError
from litesmith.sources import LoadOptions, SourceFormat, detect, open_source
from tests.sources.proof import prove

pytestmark = pytest.mark.slow  # each test loads TensorFlow in a child process


def _constant(*shape: int) -> Any:
    import tensorflow as tf

    return tf.constant(np.random.default_rng(0).normal(size=shape) * 0.4, tf.float32)


def _image(v1: Any, tf: Any) -> None:
    x = v1.placeholder(tf.float32, [None, 8, 8, 3], name="input")
    y = tf.nn.relu(tf.nn.conv2d(x, _constant(3, 3, 3, 4), 1, "SAME"), name="scope/relu")
    pooled = tf.reduce_mean(y, [1, 2])
    tf.nn.softmax(tf.matmul(pooled, _constant(4, 3)), name="scores")
    tf.tanh(pooled, name="aux")


def _switches(v1: Any, tf: Any) -> None:
    x = v1.placeholder(tf.float32, [None, 6], name="x")
    training = v1.placeholder(tf.bool, name="phase_train")
    keep = v1.placeholder(tf.float32, name="keep_prob")
    rate = v1.placeholder_with_default(0.5, [], name="unused_rate")
    y = v1.nn.dropout(x, keep_prob=keep)
    y = v1.cond(training, lambda: y * 100.0, lambda: y + rate)
    tf.matmul(y, _constant(6, 2), name="y")


def _control_flow(v1: Any, tf: Any) -> None:
    x = v1.placeholder(tf.float32, [None, 3], name="x")
    w = _constant(3, 3)
    y = v1.cond(tf.reduce_sum(x) > 0, lambda: tf.matmul(x, w), lambda: x - 1.0)
    _, z = v1.while_loop(
        lambda i, z: i < 3,
        lambda i, z: (i + 1, tf.matmul(z, w) + 1.0),
        [tf.constant(0), y],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 3])],
    )
    tf.identity(z, name="out")


def _no_shape(v1: Any, tf: Any) -> None:
    x = v1.placeholder(tf.float32, name="x")
    tf.identity(tf.reduce_mean(x * 2.0, [1, 2]), name="y")


def _variables(v1: Any, tf: Any) -> None:
    x = v1.placeholder(tf.float32, [None, 3], name="x")
    tf.matmul(x, v1.get_variable("w", [3, 2], use_resource=False), name="y")


def _constants_only(v1: Any, tf: Any) -> None:
    tf.add(_constant(2), 1.0, name="y")


GRAPHS: dict[str, Callable[[Any, Any], None]] = {
    "image.pb": _image,
    "image.pbtxt": _image,
    "no_suffix": _image,
    "switches.pb": _switches,
    "control_flow.pb": _control_flow,
    "no_shape.pb": _no_shape,
    "variables.pb": _variables,
    "constants_only.pb": _constants_only,
}


@pytest.fixture(scope="session")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("frozen")

    def get(name: str) -> Path:
        import tensorflow as tf

        if not (folder / name).exists():
            graph = tf.Graph()
            tf.compat.v1.disable_control_flow_v2()
            try:
                with graph.as_default():
                    GRAPHS[name](tf.compat.v1, tf)
            finally:
                tf.compat.v1.enable_control_flow_v2()
            tf.io.write_graph(graph, str(folder), name, as_text=name.endswith("txt"))
        return folder / name

    return get


Frozen = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "options", "inputs", "outputs"),
    [
        ("image.pb", {}, ["input"], ["scores", "aux"]),
        ("image.pbtxt", {}, ["input"], ["scores", "aux"]),
        ("no_suffix", {}, ["input"], ["scores", "aux"]),
        ("image.pb", {"outputs": ("aux", "scores:0")}, ["input"], ["aux", "scores"]),
        ("image.pb", {"inputs": ("relu",), "outputs": ("scores",)}, ["scope/relu"], ["scores"]),
        ("image.pb", {"cut": ("scope/relu",)}, ["scope/relu"], ["scores", "aux"]),
        ("control_flow.pb", {}, ["x"], ["out"]),
        ("no_shape.pb", {"input_shapes": {"x": (1, 4, 5, 3)}}, ["x"], ["y"]),
    ],
)
def test_names_order_and_values(
    frozen: Frozen, name: str, options: dict[str, Any], inputs: list[str], outputs: list[str]
) -> None:
    with open_source(frozen(name), LoadOptions(**options)) as source:
        assert source.info.format == "frozen_graph"
        assert [spec.name for spec in source.info.inputs] == inputs
        assert [spec.name for spec in source.info.outputs] == outputs
        prove(source)


def test_guesses_are_told(frozen: Frozen) -> None:
    with open_source(frozen("image.pb")) as source:
        assert source.info.notes == (
            "Guessed: inputs input; outputs scores, aux. Others: --inputs a,b --outputs c",
        )
    options = LoadOptions(inputs=("input",), outputs=("scores",))
    with open_source(frozen("image.pb"), options) as source:
        assert source.info.notes == ()


def test_switches_are_set_for_inference(frozen: Frozen) -> None:
    with open_source(frozen("switches.pb")) as source:
        notes = " ".join(source.info.notes)
        assert "'phase_train' is set to False" in notes
        assert "'keep_prob' is set to 1.0" in notes
        assert [spec.name for spec in source.info.inputs] == ["x"]
        prove(source)


def test_branches_are_taken_per_example(frozen: Frozen) -> None:
    batch = np.array([[1, 1, 1], [-1, -1, -1], [2, -1, 0]], np.float32)
    with open_source(frozen("control_flow.pb")) as source:
        prove(source, batch=[batch])


@pytest.mark.parametrize(
    ("name", "options", "kind", "says", "hint"),
    [
        ("image.pb", {"inputs": ("inputs",)}, InputError, "'inputs'", "input"),
        ("image.pb", {"outputs": ("scores:3",)}, InputError, "scores:3", "scores"),
        ("image.pb", {"input_shapes": {"inptu": (1, 8, 8, 3)}}, InputError, "inptu", "'input'"),
        ("no_shape.pb", {}, InputError, "'x' has no known", "--input-shape x="),
        ("variables.pb", {}, LoadError, "'w' is a variable", "Freeze"),
        ("constants_only.pb", {}, LoadError, "no placeholder", "--inputs"),
        ("image.pb", {"cut": ("aux",)}, InputError, "aux", ""),
    ],
)
def test_one_sentence_and_a_hint(
    frozen: Frozen,
    name: str,
    options: dict[str, Any],
    kind: type[LitesmithError],
    says: str,
    hint: str,
) -> None:
    with open_source(frozen(name), LoadOptions(**options)) as source:
        with pytest.raises(kind, match=says) as caught:
            source.lower()
        assert type(caught.value) is kind
        assert hint in caught.value.hint


def test_told_by_content(frozen: Frozen, tmp_path: Path) -> None:
    data = frozen("image.pb").read_bytes()
    named_wrongly = tmp_path / "model.h5"
    named_wrongly.write_bytes(data)
    assert detect(named_wrongly) is SourceFormat.FROZEN_GRAPH
    for noise in (b"\x0a", b"\x0a\x05abc", b"node", b"\x0a" + bytes(range(200))):
        named_wrongly.write_bytes(noise)
        with pytest.raises(LoadError):
            detect(named_wrongly)


@pytest.mark.parametrize("damage", ["half", "op", "text"])
def test_damaged(frozen: Frozen, tmp_path: Path, damage: str) -> None:
    data = frozen("image.pb").read_bytes()
    path = tmp_path / "m.pb"
    broken = {
        "half": data[: len(data) // 2],
        "op": data.replace(b"Softmax", b"Sxftmax"),
        "text": frozen("image.pbtxt").read_bytes()[:-40],
    }
    path.write_bytes(broken[damage])
    with open_source(path) as source, pytest.raises(LoadError) as caught:
        _ = source.info
    assert "Traceback" not in caught.value.message

"""Real models of two outputs from Keras to the file, every answer held against Keras itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from litesmith import api
from litesmith.errors import InputError
from litesmith.graph import read
from litesmith.runtime import Session

pytestmark = pytest.mark.slow
BOXES, CLASSES = 24, 3


@pytest.fixture(scope="module")
def model() -> Any:
    import keras

    keras.utils.set_random_seed(5)
    layers = keras.layers
    x = layers.Input((16, 16, 3), name="image")
    y = layers.Conv2D(12, 3, strides=2, activation="relu")(x)
    y = layers.GlobalAveragePooling2D()(y)
    kind = layers.Dense(6, activation="softmax", name="kind")(y)
    flags = layers.Dense(4, activation="sigmoid", name="flags")(y)
    built = keras.Model(x, {"kind": kind, "flags": flags})
    for weight in built.trainable_weights:
        weight.assign(weight * 3)
    return built


def images(count: int = 40, seed: int = 0) -> Any:
    # Noise alone would average out: every image has colors of its own.
    random = np.random.default_rng(seed)
    colors = random.normal(0, 1, (count, 1, 1, 3))
    return (colors + random.normal(0, 0.5, (count, 16, 16, 3))).astype(np.float32)


def answers(model: Any, x: Any) -> dict[str, Any]:
    return {name: np.asarray(value) for name, value in model(x).items()}


def run(file: Path, x: Any) -> dict[str, Any]:
    names = read(file.read_bytes()).output_names()
    return dict(zip(names, Session(file.read_bytes()).run([x]), strict=True))


def test_a_head_each(model: Any, tmp_path: Path) -> None:
    file, x = tmp_path / "a.tflite", images()
    report = api.export(
        model, file, quantize="none", data=x, head=["kind:topk=2", "flags:threshold=0.5"]
    )
    found, wanted = run(file, x), answers(model, x)
    assert set(found) == {"kind", "kind_indices", "flags"}
    order = np.argsort(-wanted["kind"], -1, kind="stable")[:, :2]
    np.testing.assert_array_equal(found["kind_indices"], order)
    np.testing.assert_allclose(found["kind"], np.sort(wanted["kind"])[:, :-3:-1], atol=1e-5)
    np.testing.assert_array_equal(found["flags"], wanted["flags"] >= 0.5)
    assert report.parity is not None and report.parity.top1_agreement == 1
    assert {o.name: o.indices for o in report.parity.outputs} == {
        "kind": False, "kind_indices": True, "flags": True
    }  # fmt: skip
    assert "LOGISTIC" not in report.artifact.ops  # type: ignore[union-attr]


def test_logits_and_argmax_in_integers(model: Any, tmp_path: Path) -> None:
    file, x = tmp_path / "a.tflite", images()
    report = api.export(
        model, file, quantize="int8", data=x, head=["kind:argmax", "flags:logits"], max_drop=0.2
    )
    assert report.artifact is not None and report.parity is not None
    assert report.artifact.float_ops == 0 and report.parity.top1_agreement is not None
    found, wanted = run(file, x), answers(model, x)
    assert np.mean(found["kind"] == wanted["kind"].argmax(-1)) >= 0.8
    odds = np.log(wanted["flags"] / (1 - wanted["flags"]))
    assert np.abs(found["flags"] - odds).max() < 0.1 * np.abs(odds).max() + 0.1


def test_merged_renamed_and_cut(model: Any, tmp_path: Path) -> None:
    file, x = tmp_path / "a.tflite", images()
    api.export(model, file, quantize="none", data=x, merge="all=kind,flags", rename="all=scores",
               save_float=tmp_path / "f.tflite")  # fmt: skip
    wanted = answers(model, x)
    whole = np.concatenate([wanted["kind"], wanted["flags"]], -1)
    for name in ("a", "f"):
        np.testing.assert_allclose(run(tmp_path / f"{name}.tflite", x)["scores"], whole, atol=1e-5)
    report = api.export(model, file, quantize="none", data=x, cut_before="SOFTMAX")
    assert report.parity is not None and report.parity.float_max_abs_error is not None
    assert report.parity.float_max_abs_error < 1e-5
    logits = run(file, x)["kind"]
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    np.testing.assert_allclose(powers / powers.sum(-1, keepdims=True), wanted["kind"], atol=1e-5)


def test_score_of_indices(model: Any, tmp_path: Path) -> None:
    import keras

    x = images()
    labels = answers(model, x)["kind"].argmax(-1)
    one = keras.Model(model.input, model.output["kind"])
    report = api.export(
        one, tmp_path / "a.tflite", quantize="none", eval=(x, labels), head="argmax"
    )
    assert report.score is not None
    assert (report.score.metric, report.score.source, report.score.artifact) == ("accuracy", 1, 1)
    with pytest.raises(InputError, match="needs more of the output"):
        api.export(one, tmp_path / "b.tflite", quantize="none", eval=(x, labels), metric="auc",
                   head="argmax")  # fmt: skip


def detector() -> Any:
    import keras

    keras.utils.set_random_seed(2)
    layers = keras.layers
    x = layers.Input((16, 16, 3), name="image")
    y = layers.Conv2D(12, 3, strides=2, activation="relu")(x)
    y = layers.Flatten()(layers.AveragePooling2D(2)(y))
    low = layers.Dense(BOXES * 2, activation="sigmoid")(y)
    size = layers.Dense(BOXES * 2, activation="sigmoid")(y)
    center, extent = layers.Reshape((BOXES, 2))(low), layers.Reshape((BOXES, 2))(size)
    boxes = layers.Concatenate(name="boxes")([center, layers.Rescaling(0.4)(extent)])
    scores = layers.Dense(BOXES * CLASSES, activation="sigmoid")(y)
    return keras.Model(x, [boxes, layers.Reshape((BOXES, CLASSES), name="scores")(scores)])


@pytest.mark.parametrize("scheme", ["none", "int8"])
def test_detections(scheme: str, tmp_path: Path) -> None:
    file, x, found_model = tmp_path / "a.tflite", images(), detector()
    report = api.export(
        found_model, file, quantize=scheme, data=x,
        nms="boxes=boxes,scores=scores,form=xywh,max=10,iou=0.4,score=0.3",
    )  # fmt: skip
    assert report.parity is not None and report.artifact is not None
    assert report.parity.float_max_abs_error is not None
    assert report.parity.float_max_abs_error < 1e-5
    assert report.artifact.ops["CUSTOM:TFLite_Detection_PostProcess"] == 1
    found = run(file, x)
    assert list(found) == ["boxes", "classes", "scores", "count"]
    assert found["boxes"].shape == (len(x), 10, 4)


def test_states_are_no_scores(tmp_path: Path) -> None:
    import keras

    keras.utils.set_random_seed(0)
    x = keras.Input((6, 4), batch_size=1, name="x")
    y = keras.layers.LSTM(5, stateful=True)(x)
    built = keras.Model(x, keras.layers.Dense(3, activation="softmax", name="kind")(y))
    report = api.export(built, tmp_path / "a.tflite", quantize="none", head="argmax")
    assert report.artifact is not None
    types = {port.name: port.dtype for port in report.artifact.outputs}
    assert types.pop("kind") == "int32" and set(types.values()) == {"float32"} and len(types) == 2

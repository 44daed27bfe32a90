"""MediaPipe Tasks, a real client, opens what we describe and answers as our own run does."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import litesmith
from litesmith.graph import Graph, read, write
from litesmith.interface.metadata import Describe
from litesmith.runtime import Session
from tests.interface.metadata import models

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        importlib.util.find_spec("mediapipe") is None,
        reason="MediaPipe is not installed: pip install litesmith[mediapipe]",
    ),
]
_IMAGES = 200


def _save(graph: Graph, folder: Path) -> str:
    path = folder / "model.tflite"
    path.write_bytes(write(graph))
    return str(path)


def _image(size: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), np.uint8)


def _as_mediapipe(pixels: np.ndarray[Any, Any]) -> Any:
    import mediapipe

    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=pixels)


def _scores(categories: Sequence[Any], labels: Sequence[str]) -> list[float]:
    found = {category.category_name: category.score for category in categories}
    return [found[label] for label in labels]


def _png_folder(pixels: np.ndarray[Any, Any], folder: Path) -> list[Path]:
    from PIL import Image

    folder.mkdir()
    paths = [folder / f"{i:04}.png" for i in range(len(pixels))]
    for path, one in zip(paths, pixels, strict=True):
        Image.fromarray(one).save(path)
    return paths


def _classified(model: Path, images: Sequence[Path]) -> list[tuple[str, int]]:
    """Return label and index of MediaPipe's first answer per image file."""
    import mediapipe
    from mediapipe.tasks.python import vision

    found = []
    with vision.ImageClassifier.create_from_model_path(str(model)) as classifier:
        for path in images:
            result = classifier.classify(mediapipe.Image.create_from_file(str(path)))
            first = result.classifications[0].categories[0]
            found.append((first.category_name, first.index))
    return found


# --- a classifier of real images ---


@pytest.fixture(scope="module")
def digits_in_color(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, list[Path]]:
    """A network trained on scikit-learn's digits as 16×16 RGB, the digits, 200 of them as files."""
    datasets = pytest.importorskip("sklearn.datasets")
    import keras

    data = datasets.load_digits()
    gray = np.kron(np.minimum(data.images * 16, 255), np.ones((1, 2, 2))).astype(np.uint8)
    pixels = np.repeat(gray[..., np.newaxis], 3, axis=-1)
    keras.utils.set_random_seed(0)
    network = keras.Sequential(
        [
            keras.layers.Input((16, 16, 3)),
            keras.layers.Conv2D(8, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy")
    network.fit(pixels[:1500] / 127.5 - 1.0, data.target[:1500], epochs=12, verbose=0)
    folder = tmp_path_factory.mktemp("digits")
    network.save(folder / "digits.keras")
    (folder / "labels.txt").write_text("\n".join(f"digit {i}" for i in range(10)), "utf-8")
    images = _png_folder(pixels[-_IMAGES:], folder / "images")
    return folder, pixels, images


@pytest.mark.parametrize("input_type", [None, "uint8"], ids=["normalized", "embedded"])
def test_float_classifier_of_real_images(
    input_type: str | None, digits_in_color: tuple[Path, Any, list[Path]]
) -> None:
    folder, pixels, images = digits_in_color
    report = litesmith.export(
        folder / "digits.keras", folder / "float.tflite", quantize="none", preprocess="tf",
        labels=folder / "labels.txt", task="image-classifier",
        embed_preprocess=input_type is not None, input_type=input_type,
    )  # fmt: skip
    assert not [w for w in report.warnings if w.code == "mediapipe"]
    import keras

    source = keras.saving.load_model(folder / "digits.keras")
    own = np.asarray(source(pixels[-_IMAGES:] / 127.5 - 1.0)).argmax(-1)
    found = _classified(folder / "float.tflite", images)
    agreement = np.mean([index == o for (_, index), o in zip(found, own, strict=True)])
    assert agreement >= 0.99
    assert all(label == f"digit {index}" for label, index in found)


@pytest.mark.parametrize("embed", [False, True], ids=["calibrated", "embedded"])
def test_int8_classifier_of_real_images(
    embed: bool, digits_in_color: tuple[Path, Any, list[Path]]
) -> None:
    folder, pixels, images = digits_in_color
    report = litesmith.export(
        folder / "digits.keras", folder / "int8.tflite", data=pixels[:300], preprocess="tf",
        labels=folder / "labels.txt", task="image-classifier", embed_preprocess=embed,
        input_type="uint8", output_type="uint8",
    )  # fmt: skip
    assert report.artifact is not None and report.artifact.float_ops == 0
    session = Session((folder / "int8.tflite").read_bytes())
    scores = session.run([pixels[-_IMAGES:]])[0]
    found = _classified(folder / "int8.tflite", images)
    # Integers tie; MediaPipe then takes another first one than argmax does.
    agree = [row[i] == row.max() for (_, i), row in zip(found, scores, strict=True)]
    assert np.mean(agree) == 1


# --- every other task ---


def test_classifier_scores(tmp_path: Path) -> None:
    from mediapipe.tasks.python import vision

    graph = Describe(labels=models.LABELS, preprocess=("unit",), kind="image-classifier")(
        models.classifier()
    ).graph
    pixels = _image(models.SIZE)
    with vision.ImageClassifier.create_from_model_path(_save(graph, tmp_path)) as task:
        found = task.classify(_as_mediapipe(pixels)).classifications[0]
    own = Session(write(graph)).run([pixels[np.newaxis].astype(np.float32) / 255])[0][0]
    assert found.head_name == "scores"
    np.testing.assert_allclose(_scores(found.categories, models.LABELS), own, atol=1e-6)


def test_threshold_hides_what_is_below(tmp_path: Path) -> None:
    from mediapipe.tasks.python import vision

    step = Describe(labels=models.LABELS, score_threshold=0.26, preprocess=("unit",))
    path = _save(step(models.classifier()).graph, tmp_path)
    with vision.ImageClassifier.create_from_model_path(path) as task:
        found = task.classify(_as_mediapipe(_image(models.SIZE))).classifications[0].categories
    assert 0 < len(found) < 4 and all(category.score >= 0.26 for category in found)


def test_detector(tmp_path: Path) -> None:
    from mediapipe.tasks.python import vision

    labels = ("a", "b", "c")
    step = Describe(labels=labels, score_threshold=0.25, kind="object-detector")
    graph = step(models.detector()).graph
    pixels = _image(models.SIZE)
    with vision.ObjectDetector.create_from_model_path(_save(graph, tmp_path)) as task:
        found = task.detect(_as_mediapipe(pixels)).detections
    boxes, classes, scores, count = Session(write(graph)).run([pixels[None].astype(np.float32)])
    kept = [i for i in range(int(count.item())) if scores[0, i] >= 0.25]
    assert len(found) == len(kept) > 1
    for detection, i in zip(found, kept, strict=True):
        (category,) = detection.categories
        assert category.category_name == labels[int(classes[0, i])]
        assert category.score == pytest.approx(scores[0, i])
        box = detection.bounding_box
        top, left, bottom, right = boxes[0, i] * models.SIZE
        assert box.origin_x == pytest.approx(left, abs=1) and box.width == pytest.approx(
            right - left, abs=1
        )
        assert box.origin_y == pytest.approx(top, abs=1) and box.height == pytest.approx(
            bottom - top, abs=1
        )


@pytest.mark.parametrize("softmax", [False, True])
def test_segmenter(softmax: bool, tmp_path: Path) -> None:
    from mediapipe.tasks.python import BaseOptions, vision

    step = Describe(labels=models.LABELS, kind="image-segmenter")
    graph = step(models.segmenter(softmax=softmax)).graph
    pixels = _image(models.SIZE)
    options = vision.ImageSegmenterOptions(
        BaseOptions(model_asset_path=_save(graph, tmp_path)), output_category_mask=True
    )
    with vision.ImageSegmenter.create_from_options(options) as task:
        result = task.segment(_as_mediapipe(pixels))
        assert task.labels == list(models.LABELS)
        masks = [np.array(mask.numpy_view()).squeeze() for mask in result.confidence_masks]
        classes = np.array(result.category_mask.numpy_view()).squeeze()
    own = Session(write(graph)).run([pixels[None].astype(np.float32)])[0][0]
    shown = own if softmax else np.exp(own) / np.exp(own).sum(-1, keepdims=True)
    assert np.array_equal(classes, own.argmax(-1))
    np.testing.assert_allclose(np.stack(masks, -1), shown, atol=1e-5)


def test_audio(tmp_path: Path) -> None:
    from mediapipe.tasks.python import audio
    from mediapipe.tasks.python.components.containers import AudioData

    labels = ("a", "b", "c")
    step = Describe(labels=labels, sample_rate=16000, kind="audio-classifier")
    graph = step(models.audio()).graph
    sound = np.random.default_rng(0).uniform(-1, 1, models.SAMPLES).astype(np.float32)
    with audio.AudioClassifier.create_from_model_path(_save(graph, tmp_path)) as task:
        (result,) = task.classify(AudioData.create_from_array(sound, 16000))
    own = Session(write(graph)).run([sound[np.newaxis]])[0][0]
    found = _scores(result.classifications[0].categories, labels)
    np.testing.assert_allclose(found, own, atol=1e-6)


@pytest.mark.parametrize(
    ("graph", "vocabulary", "fed"),
    [
        (models.text(), models.VOCABULARY, [[1, 3, 4, 2, 5, 0]]),
        (
            models.bert(), models.BERT_VOCABULARY,
            [[1, 4, 5, 3, 6, 2], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0]],
        ),
    ],
    ids=["regex", "bert"],
)  # fmt: skip
def test_text(graph: Graph, vocabulary: tuple[str, ...], fed: Any, tmp_path: Path) -> None:
    from mediapipe.tasks.python import text

    labels = ("negative", "positive")
    step = Describe(labels=labels, vocabulary=vocabulary, kind="text-classifier")
    graph = step(graph).graph
    with text.TextClassifier.create_from_model_path(_save(graph, tmp_path)) as task:
        found = task.classify("good bad strange film").classifications[0].categories
    own = Session(write(graph)).run([np.array([row], np.int32) for row in fed])[0][0]
    np.testing.assert_allclose(_scores(found, labels), own, atol=1e-6)


@pytest.mark.parametrize(
    ("graph", "step"),
    [
        (models.classifier(channels=1), Describe()),
        (models.classifier(), Describe(preprocess=("torch",))),
        (models.classifier(), Describe(preprocess=("caffe",))),
        (models.classifier(batch=2), Describe()),
        (models.classifier().with_(siblings=(models.segmenter(),), signatures=()), Describe()),
    ],
    ids=["gray", "per-channel", "bgr", "batch", "two-graphs"],
)
def test_what_we_say_it_refuses_it_refuses(graph: Graph, step: Describe, tmp_path: Path) -> None:
    from mediapipe.tasks.python import vision

    from litesmith.errors import ConversionError

    with pytest.raises(ConversionError):
        Describe(kind="image-classifier", preprocess=step.preprocess)(graph)
    described = read(write(step(graph).graph))
    with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
        vision.ImageClassifier.create_from_model_path(_save(described, tmp_path))

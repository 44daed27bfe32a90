"""What is written, what is declined, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from litesmith.errors import ConversionError, InputError
from litesmith.graph import DType, Graph, QuantParams, Tensor, read, write
from litesmith.graph.edit import substitute
from litesmith.graph.step import Outcome
from litesmith.graph.tables import decode
from litesmith.interface.metadata import Describe, read_metadata, summarize
from litesmith.interface.metadata.schema import (
    SCHEMA,
    SEGMENTER_IDENTIFIER,
    Activation,
    AudioProperties,
    BertTokenizerOptions,
    BoundingBoxProperties,
    ColorSpace,
    FileType,
    ImageProperties,
    ImageSize,
    SegmenterOptions,
    SubGraphMetadata,
)
from tests.interface.metadata import models
from tests.interface.metadata.models import LABELS


def _subgraph(outcome: Outcome) -> SubGraphMetadata:
    metadata = read_metadata(read(write(outcome.graph)))
    assert metadata is not None
    return metadata.subgraphs[0]


def _typed(graph: Graph, dtype: DType, scale: float, zero: int, output: bool = False) -> Graph:
    """Return the graph with an end of another type; it need not run."""
    old = (graph.outputs if output else graph.inputs)[0]
    quant = QuantParams(np.array([scale], np.float32), np.array([zero], np.int64))
    return substitute(graph, {old: old.with_(dtype=dtype, quant=quant)})


def _codes(outcome: Outcome) -> list[str]:
    return [notice.code for notice in outcome.notices]


@pytest.mark.parametrize(
    ("spec", "mean", "std"),
    [
        ((), (0.0,), (1.0,)),
        (("unit",), (0.0,), (255.0,)),
        (("tf",), (127.5,), (127.5,)),
        (("mean=1;2;3,std=4;5;6",), (1.0, 2.0, 3.0), (4.0, 5.0, 6.0)),
        (("image:scale=2,offset=-3",), (1.5,), (0.5,)),
    ],
)
def test_normalization_is_the_declared_preprocessing(
    spec: tuple[str, ...], mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    outcome = Describe(preprocess=spec)(models.classifier())
    port = _subgraph(outcome).inputs[0]
    said = summarize(outcome.graph)
    assert said is not None
    np.testing.assert_allclose(said.inputs[0].mean, mean, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(said.inputs[0].std, std, rtol=1e-6)
    assert port.content is not None and port.stats is not None
    assert port.content.properties == ImageProperties(ColorSpace.RGB, ImageSize(16, 16))
    raw = np.array([[0.0], [255.0]])
    ends = (raw - np.array(mean)) / np.array(std)
    np.testing.assert_allclose(port.stats.min, ends.min(0), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(port.stats.max, ends.max(0), rtol=1e-6, atol=1e-6)


def test_labels_become_a_file_of_the_output() -> None:
    outcome = Describe(labels=LABELS, score_threshold=0.25)(models.classifier())
    (port,) = _subgraph(outcome).outputs
    assert port.name == "scores"
    assert [f.type for f in port.associated_files] == [FileType.TENSOR_AXIS_LABELS]
    assert outcome.graph.files == (("labels.txt", b"cat\ndog\nbird\nfish\n"),)
    said = summarize(read(write(outcome.graph)))
    assert said is not None and not said.missing
    assert (said.outputs[0].labels, said.outputs[0].threshold) == (LABELS, 0.25)
    assert outcome.done and not outcome.notices


def test_result_is_the_same_bytes() -> None:
    step = Describe(labels=LABELS)
    assert write(step(models.classifier()).graph) == write(step(models.classifier()).graph)


@pytest.mark.parametrize("count", [3, 5])
def test_wrong_number_of_labels(count: int) -> None:
    with pytest.raises(InputError, match=f"{count} labels, but the output 'scores' has 4 classes"):
        Describe(labels=(*LABELS, "x")[:count])(models.classifier())


def test_labels_find_their_output_among_several() -> None:
    one = models.classifier()
    two = one.with_(
        outputs=(*one.outputs, one.ops[0].outputs[0]),
        signatures=(replace(one.signatures[0], outputs=(("scores", 0), ("features", 1))),),
    )
    scores, features = _subgraph(Describe(labels=LABELS)(two)).outputs
    assert scores.associated_files and not features.associated_files
    with pytest.raises(InputError, match=r"no output has 2 classes.*'scores' 4, 'features' 3"):
        Describe(labels=("a", "b"))(two)


def test_labels_of_an_index_name_its_values() -> None:
    graph = _typed(models.classifier(), DType.INT32, 1.0, 0, output=True)
    port = _subgraph(Describe(labels=("a", "b"), kind="general")(graph)).outputs[0]
    assert [f.type for f in port.associated_files] == [FileType.TENSOR_VALUE_LABELS]


def test_shared_labels_are_told() -> None:
    outcome = Describe(labels=("crane", "dog", "crane", "fish"))(models.classifier())
    assert _codes(outcome) == ["labels_shared"]
    assert "'crane'" in outcome.notices[0].message


def test_detector_is_described_by_its_op() -> None:
    outcome = Describe(labels=("a", "b", "c"), score_threshold=0.5)(models.detector())
    said = _subgraph(outcome)
    names = ["location", "category", "score", "number of detections"]
    assert [port.name for port in said.outputs] == names
    boxes = said.outputs[0].content
    assert boxes is not None and boxes.properties == BoundingBoxProperties((1, 0, 3, 2), 1, 0)
    assert said.outputs[1].associated_files[0].type == FileType.TENSOR_VALUE_LABELS
    assert said.output_tensor_groups[0].tensor_names == ("location", "category", "score")
    with pytest.raises(InputError, match="detector scores 4 classes"):
        Describe(labels=("a", "b"))(models.detector())


def test_detector_in_another_order_keeps_its_names() -> None:
    graph = models.detector()
    turned = graph.with_(outputs=graph.outputs[::-1], signatures=())
    names = [port.name for port in _subgraph(Describe()(turned)).outputs]
    assert names == ["number of detections", "score", "category", "location"]


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        (models.segmenter(), Activation.SOFTMAX),
        (models.segmenter(softmax=True), Activation.NONE),
        (models.segmenter(classes=1), Activation.SIGMOID),
    ],
)
def test_segmenter_says_what_its_scores_need(graph: Graph, expected: Activation) -> None:
    (custom,) = _subgraph(Describe()(graph)).custom_metadata
    assert custom.name == "SEGMENTER_METADATA"
    found = decode(custom.data, SegmenterOptions, SCHEMA, SEGMENTER_IDENTIFIER)
    assert found.activation == expected


def test_audio_and_text() -> None:
    sound = _subgraph(Describe(sample_rate=16000)(models.audio())).inputs[0].content
    assert sound is not None and sound.properties == AudioProperties(16000, 1)
    words = Describe(vocabulary=models.VOCABULARY)(models.text())
    assert dict(words.graph.files)["vocab.txt"].startswith(b"<PAD> 0\n<START> 1\n")
    bert = Describe(vocabulary=models.BERT_VOCABULARY)(models.bert())
    said = _subgraph(bert)
    assert [port.name for port in said.inputs] == ["ids", "mask", "segment_ids"]
    assert isinstance(said.input_process_units[0].options, BertTokenizerOptions)
    assert dict(bert.graph.files)["vocab.txt"].startswith(b"[PAD]\n[CLS]\n")


def test_three_inputs_must_be_told_apart() -> None:
    graph = models.bert()
    names = (("a", 0), ("b", 1), ("c", 2))
    unclear = graph.with_(signatures=(replace(graph.signatures[0], inputs=names),))
    with pytest.raises(ConversionError, match="not told apart"):
        Describe(kind="text-classifier", vocabulary=models.BERT_VOCABULARY)(unclear)


def test_a_table_of_numbers_is_general() -> None:
    outcome = Describe(labels=("a", "b", "c"))(models.audio())
    assert outcome.why == "names and ranges, 3 labels"
    assert [port.name for port in _subgraph(outcome).inputs] == ["sound"]


def test_gray_images_are_images_when_the_user_says_so() -> None:
    assert Describe()(models.classifier(channels=1)).why == "names and ranges"
    with pytest.raises(ConversionError, match="takes gray images"):
        Describe(kind="image-classifier")(models.classifier(channels=1))


def _wide(graph: Graph) -> Graph:
    old = graph.inputs[0]
    return substitute(graph, {old: old.with_(shape_signature=(1, -1, -1, 3))})


@pytest.mark.parametrize(
    ("change", "given", "reason", "hint"),
    [
        (lambda g: _typed(g, DType.INT8, 1.0, -128), {}, "its input is int8", "--input-type"),
        (lambda g: _typed(g, DType.UINT8, 0.5, 0), {}, "raw pixels", "--embed-preprocess"),
        (lambda g: _typed(g, DType.UINT8, 1.0, 0), {"preprocess": ("unit",)}, "raw pixels", ""),
        (lambda g: _typed(g, DType.INT8, 1 / 256, -128, output=True), {}, "'scores' is int8",
         "--output-type"),
        (lambda g: g, {"preprocess": ("torch",)}, "normalize channels", "--embed-preprocess"),
        (lambda g: g, {"preprocess": ("caffe",)}, "BGR", "--embed-preprocess"),
        (lambda g: models.classifier(batch=2), {}, "fixed size of one image", "--batch"),
        (_wide, {}, "fixed size of one image", "--input-shape"),
        (lambda g: g.with_(siblings=(models.audio(),)), {}, "several signatures", "--signature"),
    ],
)  # fmt: skip
def test_obstacles_are_told_and_refused_when_a_task_was_asked_for(
    change: Callable[[Graph], Graph], given: dict[str, Any], reason: str, hint: str
) -> None:
    graph = change(models.classifier())
    with pytest.raises(ConversionError, match=reason) as caught:
        Describe(kind="image-classifier", **given)(graph)
    assert hint in caught.value.hint
    if graph.inputs[0].shape[0] == 1:  # of a batch nothing is said to be an image classifier
        outcome = Describe(**given)(graph)
        assert outcome.done
        assert reason in next(n.message for n in outcome.notices if n.code == "mediapipe")


@pytest.mark.parametrize(
    ("spec", "scale", "zero"), [((), 1.0, 0), (("unit",), 1 / 255, 0), (("tf",), 1 / 127.5, 128)]
)
def test_quantization_that_is_the_preprocessing_takes_raw_pixels(
    spec: tuple[str, ...], scale: float, zero: int
) -> None:
    graph = _typed(models.classifier(), DType.UINT8, scale, zero)
    outcome = Describe(preprocess=spec)(graph)
    assert not outcome.notices
    said = summarize(outcome.graph)
    assert said is not None
    assert (said.inputs[0].mean, said.inputs[0].std) == ((0.0,), (1.0,))


def test_logits_are_told() -> None:
    assert _codes(Describe()(models.classifier(softmax=False))) == ["scores_not_probabilities"]


def test_unknown_task() -> None:
    with pytest.raises(InputError, match="--task image-classifer"):
        Describe(kind="image-classifer")(models.classifier())


def test_tensors_without_names_get_some() -> None:
    graph = models.classifier()
    anonymous = substitute(
        graph.with_(signatures=()),
        {t: t.with_(name="") for t in (*graph.inputs, *graph.outputs)},
    )
    said = _subgraph(Describe()(anonymous))
    assert [said.inputs[0].name, said.outputs[0].name] == ["tensor 0", "tensor 0"]


def test_files_that_are_missing_are_named() -> None:
    graph = Describe(labels=LABELS)(models.classifier()).graph.with_(files=())
    said = summarize(graph)
    assert said is not None
    assert (said.missing, said.outputs[0].labels) == (("labels.txt",), ())


def test_other_counts_are_not_summarized() -> None:
    graph = Describe(labels=LABELS)(models.classifier()).graph
    more = graph.with_(outputs=(*graph.outputs, Tensor("extra", (1,))))
    said = summarize(more)
    assert said is not None
    assert (len(said.inputs), said.outputs) == (1, ())

"""Small models of every kind that MediaPipe opens."""

from __future__ import annotations

from typing import Any

import numpy as np

from litesmith.graph import DType, Graph, Op, Signature, Tensor
from tests.support.graphs import Builder, const

SIZE = 16
CLASSES = 4
LABELS = ("cat", "dog", "bird", "fish")
SAMPLES = 1600
VOCABULARY = ("<PAD>", "<START>", "<UNKNOWN>", "good", "bad", "film")
BERT_VOCABULARY = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "good", "bad", "film")
TOKENS = 6


def classifier(channels: int = 3, softmax: bool = True, batch: int = 1) -> Graph:
    """Return [1, 16, 16, 3] → [1, 4]."""
    b = Builder(1)
    x = b.input((batch, SIZE, SIZE, channels), name="image")
    y = _dense(b, b.op("MEAN", x, const([1, 2])), CLASSES, 0.1)
    return _named(b, b.op("SOFTMAX", y, beta=1.0) if softmax else y)


def segmenter(classes: int = CLASSES, softmax: bool = False) -> Graph:
    """Return [1, 16, 16, 3] → [1, 16, 16, classes], logits."""
    b = Builder(1)
    x = b.input((1, SIZE, SIZE, 3), name="image")
    bias = const(np.linspace(-1, 1, classes).astype(np.float32))
    options = {"stride_w": 1, "stride_h": 1, "dilation_w_factor": 1, "dilation_h_factor": 1}
    y = b.op("CONV_2D", x, b.weights(classes, 1, 1, 3, scale=0.02), bias, **options)
    return _named(b, b.op("SOFTMAX", y, beta=1.0) if softmax else y)


def audio(samples: int = SAMPLES) -> Graph:
    """Return [1, samples] → [1, 3]."""
    b = Builder(1)
    x = b.input((1, samples), name="sound")
    return _named(b, b.op("SOFTMAX", _dense(b, x, 3, 0.05), beta=1.0))


def text() -> Graph:
    """Return token numbers [1, 6] → [1, 2]."""
    b = Builder(1)
    x = b.input((1, TOKENS), DType.INT32, "tokens")
    return _named(b, b.op("SOFTMAX", _dense(b, _embedded(b, x, VOCABULARY), 2, 1.0), beta=1.0))


def bert() -> Graph:
    """Return BERT's three inputs [1, 6] → [1, 2]; each of them counts."""
    b = Builder(1)
    names = ("input_word_ids", "input_mask", "input_type_ids")
    words, mask, types = (b.input((1, TOKENS), DType.INT32, n) for n in names)
    cast = {"dtype": DType.FLOAT32, "in_data_type": 2, "out_data_type": 0}
    floats = [b.op("CAST", t, **cast) for t in (mask, types)]
    x = b.op("CONCATENATION", _embedded(b, words, BERT_VOCABULARY), *floats, axis=1)
    return _named(b, b.op("SOFTMAX", _dense(b, x, 2, 1.0), beta=1.0))


def detector() -> Graph:
    """Return [1, 16, 16, 3] → boxes, classes, scores, count of three classes and background."""
    b = Builder(1)
    x = b.op("MEAN", b.input((1, SIZE, SIZE, 3), name="image"), const([1, 2]))
    count, results = 4, 5
    shape = (1, count, 4)
    boxes = b.op("RESHAPE", _dense(b, x, 4 * count, 0.005), const(shape), new_shape=shape)
    logits = b.op("RESHAPE", _dense(b, x, 4 * count, 0.05), const(shape), new_shape=shape)
    anchors = const(
        np.array(
            [
                [0.2, 0.3, 0.3, 0.4],
                [0.6, 0.7, 0.3, 0.2],
                [0.5, 0.5, 0.6, 0.6],
                [0.8, 0.2, 0.2, 0.2],
            ],
            np.float32,
        )
    )
    shapes = ((1, results, 4), (1, results), (1, results), (1,))
    outputs = tuple(Tensor(f"detection{i}", s) for i, s in enumerate(shapes))
    inputs = (boxes, b.op("LOGISTIC", logits), anchors)
    kind = "CUSTOM:TFLite_Detection_PostProcess"
    b.ops.append(Op(kind, inputs, outputs, custom_options=_detection_options(results)))
    return _named(b, *outputs)


def _detection_options(results: int) -> bytes:
    from flatbuffers import flexbuffers

    numbers = {
        "max_detections": results, "max_classes_per_detection": 1,
        "detections_per_class": results, "num_classes": 3,
    }  # fmt: skip
    reals = {
        "nms_score_threshold": 0.2, "nms_iou_threshold": 0.5,
        "y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0,
    }  # fmt: skip
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Bool("use_regular_nms", False)
        for key, number in numbers.items():
            builder.Int(key, number)
        for key, real in reals.items():
            builder.Float(key, real)
    return bytes(builder.Finish())


def _embedded(b: Builder, tokens: Any, vocabulary: tuple[str, ...]) -> Any:
    # The tokens' places count, so that a wrong order is seen.
    rows = b.op("GATHER", b.weights(len(vocabulary), 4), tokens, axis=0, dtype=DType.FLOAT32)
    return b.op("MEAN", b.op("MUL", rows, b.weights(1, TOKENS, 4)), const([1]))


def _dense(b: Builder, x: Any, units: int, scale: float) -> Any:
    bias = const(np.linspace(-0.5, 0.5, units).astype(np.float32))
    return b.op("FULLY_CONNECTED", x, b.weights(units, x.shape[-1], scale=scale), bias)


def _named(b: Builder, *outputs: Tensor) -> Graph:
    names = tuple((t.name, i) for i, t in enumerate(b.inputs))
    keys = ("scores",) if len(outputs) == 1 else tuple(t.name for t in outputs)
    signature = Signature("serving_default", names, tuple((k, i) for i, k in enumerate(keys)))
    return b.graph(*outputs, signatures=(signature,))

"""MediaPipe's tasks: which one a model is made for, and what each demands of a file.

Every demand is one function that says what is in the way, and the table at the end. Measured with
mediapipe 1.2.2 and read from its sources (mediapipe/tasks/cc: image_tensor_specs.cc,
image_preprocessing_graph.cc, classification_postprocessing_graph.cc,
detection_postprocessing_graph.cc, image_segmenter_graph.cc, audio_tensor_specs.cc,
text_model_utils.cc). A new task is one row of `TASKS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from litesmith.data.preprocess import Affine, Preprocess
from litesmith.graph import DType, Graph, Op, Tensor

GENERAL = "general"
DETECTION_OP = "CUSTOM:TFLite_Detection_PostProcess"
_COLORS = 3
# What TextClassifier calls BERT's inputs, and what the model does; "ids" is what is left.
_BERT_ROLES = (("mask", ("mask",)), ("segment_ids", ("segment", "type")), ("ids", ()))
_SQUASHING = frozenset({"SOFTMAX", "LOGISTIC"})
# Ops behind a head's last function that only move or convert its values.
_CARRIERS = frozenset({"RESHAPE", "SQUEEZE", "EXPAND_DIMS", "QUANTIZE", "DEQUANTIZE", "CAST"})


@dataclass(frozen=True)
class Facts:
    """What a demand is judged by.

    Attributes:
        graph: as it ships, integer types included.
        preprocess: what the model expects of raw values, per input.
        sample_rate: of audio, 0 when nothing was said.
        vocabulary: tokens in the order of their numbers.
        colors: "rgb" or "bgr", as the application feeds them.
        raw: inputs are fed raw values, whatever their scales say.
    """

    graph: Graph
    preprocess: tuple[Preprocess, ...]
    sample_rate: int = 0
    vocabulary: tuple[str, ...] = ()
    colors: str = "rgb"
    raw: bool = False


@dataclass(frozen=True)
class Obstacle:
    """Why a task does not take a file, and the way on."""

    reason: str
    hint: str = ""


Demand = Callable[[Facts], Iterator[Obstacle]]


@dataclass(frozen=True)
class Task:
    """One of MediaPipe's tasks.

    Attributes:
        api: its class, as users know it.
        demands: what a file must fulfil.
    """

    api: str
    demands: tuple[Demand, ...]


def detect(facts: Facts) -> str:
    """Return the task that a model's ends look like, `GENERAL` when none.

    A gray image looks like any other table of numbers, and sound like any row: the user says so.
    """
    graph = facts.graph
    inputs, outputs = graph.inputs, graph.outputs
    if len(inputs) == 1 and _is_image(inputs[0]) and inputs[0].shape[-1] == _COLORS:
        if detection(graph) is not None:
            return "object-detector"
        if len(outputs) == 1 and _is_map(outputs[0]):
            return "image-segmenter"
        if outputs and all(_is_scores(t) for t in outputs):
            return "image-classifier"
    elif facts.vocabulary and all(t.dtype is DType.INT32 for t in inputs):
        return "text-classifier"
    elif facts.sample_rate and len(inputs) == 1:
        return "audio-classifier"
    return GENERAL


def obstacles(task: str, facts: Facts) -> tuple[Obstacle, ...]:
    """Return why a task would not take the file, or would misread it."""
    found = (o for demand in TASKS[task].demands for o in demand(facts))
    return tuple(found)


def classes(tensor: Tensor) -> int | None:
    """Return the number of classes that an output scores, None when it names classes itself."""
    if tensor.dtype in (DType.INT32, DType.INT64):
        return None
    return tensor.shape[-1] if tensor.shape else None


def bert_role(name: str) -> str:
    """Return which of BERT's three inputs one is, by its name in the model."""
    lower = name.lower()
    return next(role for role, words in _BERT_ROLES if not words or any(w in lower for w in words))


def detection(graph: Graph) -> Op | None:
    """Return the op whose four results are the outputs, in whatever order."""
    outputs = {id(t) for t in graph.outputs}
    for op in graph.ops:
        if op.kind == DETECTION_OP and {id(t) for t in op.outputs} == outputs:
            return op
    return None


def squashed_by(graph: Graph, output: Tensor) -> str | None:
    """Return SOFTMAX or LOGISTIC when an output's values are what it made, else None."""
    makers = {id(t): op for op in graph.ops for t in op.outputs}
    op = makers.get(id(output))
    while op is not None and op.kind in _CARRIERS and op.inputs[0] is not None:
        op = makers.get(id(op.inputs[0]))
    return op.kind if op is not None and op.kind in _SQUASHING else None


def _is_image(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4 and tensor.shape[-1] in (1, 3, 4)


def _is_scores(tensor: Tensor) -> bool:
    return bool(tensor.shape) and int(np.prod(tensor.shape)) == tensor.shape[-1]


def _is_map(tensor: Tensor) -> bool:
    return len(tensor.shape) == 4 and min(tensor.shape[1:3]) > 1


def _one_graph(facts: Facts) -> Iterator[Obstacle]:
    inner = sorted({op.kind for op in facts.graph.ops if op.subgraphs})
    if inner:
        yield Obstacle(f"the file holds more than one graph ({', '.join(inner)})")
    elif facts.graph.siblings:
        yield Obstacle("the file holds several signatures", "Export one --signature.")


def _one_image(facts: Facts) -> Iterator[Obstacle]:
    inputs = facts.graph.inputs
    if len(inputs) != 1:
        yield Obstacle(f"it has {len(inputs)} inputs and not one image")
        return
    image = inputs[0]
    if not _is_image(image):
        yield Obstacle(f"its input has shape {list(image.shape)} and not [1, height, width, 3]")
    elif image.shape[-1] != _COLORS:
        what = "gray images" if image.shape[-1] == 1 else f"{image.shape[-1]} channels"
        yield Obstacle(f"its input takes {what}, and MediaPipe feeds RGB")
    elif image.is_dynamic or image.shape[0] != 1:
        yield Obstacle(
            "its input has no fixed size of one image",
            "Leave --batch at 1 and give --input-shape NAME=1xHxWx3.",
        )
    if image.dtype not in (DType.FLOAT32, DType.UINT8):
        yield Obstacle(
            f"its input is {image.dtype}, and MediaPipe feeds uint8 or float32",
            "Use --input-type uint8 or float32.",
        )


def _known_normalization(facts: Facts) -> Iterator[Obstacle]:
    if facts.colors != "rgb":
        yield Obstacle("it is fed BGR, and MediaPipe feeds RGB", "Leave out --input-channels bgr.")
    embed = "Build it in with --embed-preprocess."
    for one in facts.preprocess:
        if not isinstance(one, Affine):
            yield Obstacle(f"metadata cannot express the preprocessing {one.spec}", embed)
        elif one.reverse_channels:
            yield Obstacle(f"it expects BGR ({one.spec}), and MediaPipe feeds RGB", embed)
        elif len({*one.scale}) > 1 or len({*one.offset}) > 1:
            yield Obstacle(
                f"MediaPipe cannot normalize channels differently ({one.spec})",
                embed,
            )


def _pixels_as_they_are(facts: Facts) -> Iterator[Obstacle]:
    """MediaPipe writes raw pixels into a uint8 input, whatever its scale says."""
    if facts.raw:
        return
    for tensor, one in zip(facts.graph.inputs, facts.preprocess, strict=True):
        if tensor.dtype is DType.UINT8 and isinstance(one, Affine) and not is_pixels(tensor, one):
            scale, zero = _meaning(tensor)
            yield Obstacle(
                f"its uint8 input means {scale:.4g} · (q − {zero:g}), and MediaPipe writes raw "
                "pixels into it",
                "Use --embed-preprocess, or --data that spans all pixel values.",
            )


def is_pixels(tensor: Tensor, preprocess: Affine) -> bool:
    """Return whether the bytes of a uint8 input are raw pixels: its scale is the preprocessing.

    Half a step is allowed, what rounding costs anyway.
    """
    scale, zero = _meaning(tensor)
    pixels = np.arange(256.0)[:, np.newaxis]
    meant = pixels * np.array(preprocess.scale) + np.array(preprocess.offset)
    # The rest is the scale as a float32.
    return bool(np.abs(scale * (pixels - zero) - meant).max() <= abs(scale) * (0.5 + 1e-3))


def _meaning(tensor: Tensor) -> tuple[float, float]:
    quant = tensor.quant
    return (1.0, 0.0) if quant is None else (float(quant.scale[0]), float(quant.zero_point[0]))


def _scores_out(facts: Facts) -> Iterator[Obstacle]:
    outputs = facts.graph.outputs
    allowed = (DType.FLOAT32, DType.UINT8, DType.BOOL)
    for name, tensor in zip(facts.graph.output_names(), outputs, strict=True):
        if tensor.dtype not in allowed:
            yield Obstacle(
                f"its output '{name}' is {tensor.dtype}, and MediaPipe reads float32 or uint8",
                "Use --output-type float32 or uint8, and --head probabilities.",
            )
        elif not _is_scores(tensor):
            yield Obstacle(
                f"its output '{name}' has shape {list(tensor.shape)} and not [1, classes]"
            )
    if len({t.dtype is DType.FLOAT32 for t in outputs}) > 1:
        yield Obstacle("some of its outputs are float32 and others are not")


def _detections_out(facts: Facts) -> Iterator[Obstacle]:
    if detection(facts.graph) is None:
        yield Obstacle(
            "its outputs are not boxes, classes, scores and count of TFLite_Detection_PostProcess",
            "Add it with --nms boxes=…,scores=….",
        )


def _map_out(facts: Facts) -> Iterator[Obstacle]:
    outputs = facts.graph.outputs
    if len(outputs) != 1 or not _is_map(outputs[0]):
        yield Obstacle("it has not one output of shape [1, height, width, classes]")
    elif outputs[0].dtype is not DType.FLOAT32:
        yield Obstacle(
            f"its output is {outputs[0].dtype}, and MediaPipe reads float32",
            "Use --output-type float32.",
        )


def _sound_in(facts: Facts) -> Iterator[Obstacle]:
    inputs = facts.graph.inputs
    if len(inputs) != 1 or len(inputs[0].shape) > 2 or inputs[0].is_dynamic:
        yield Obstacle("it has not one input of shape [1, samples]")
    elif inputs[0].dtype is not DType.FLOAT32:
        yield Obstacle(
            f"its input is {inputs[0].dtype}, and MediaPipe feeds float32",
            "Use --input-type float32.",
        )
    if not facts.sample_rate:
        yield Obstacle("nothing says how many samples a second has", "Add --sample-rate 16000.")


def _tokens_in(facts: Facts) -> Iterator[Obstacle]:
    inputs = facts.graph.inputs
    if any(t.dtype is not DType.INT32 for t in inputs) or len(inputs) not in (1, 3):
        yield Obstacle("it has not one input (or BERT's three) of int32 token numbers")
    if any(len(t.shape) != 2 or t.shape[0] != 1 for t in inputs):
        yield Obstacle("its inputs have not the shape [1, tokens]")
    roles = {bert_role(name) for name in facts.graph.input_names()}
    if len(inputs) == 3 and len(roles) < 3:
        yield Obstacle("its three inputs are not told apart by 'mask' and 'type' in their names")
    if len(inputs) == 1 and inputs[0].is_dynamic:
        yield Obstacle(
            "its input has no fixed number of tokens", "Give --input-shape NAME=1xTOKENS."
        )
    needed = ("<PAD>", "<UNKNOWN>") if len(inputs) == 1 else ("[CLS]", "[SEP]", "[UNK]")
    missing = [token for token in needed if token not in facts.vocabulary]
    if not facts.vocabulary:
        yield Obstacle("nothing says which token has which number", "Add --vocabulary FILE.")
    elif missing:
        yield Obstacle(f"its vocabulary has no {' and no '.join(missing)}")


_IMAGE_IN = (_one_graph, _one_image, _known_normalization, _pixels_as_they_are)

TASKS: Mapping[str, Task] = {
    "image-classifier": Task("ImageClassifier", (*_IMAGE_IN, _scores_out)),
    "object-detector": Task("ObjectDetector", (*_IMAGE_IN, _detections_out)),
    "image-segmenter": Task("ImageSegmenter", (*_IMAGE_IN, _map_out)),
    "audio-classifier": Task("AudioClassifier", (_one_graph, _sound_in, _scores_out)),
    "text-classifier": Task("TextClassifier", (_one_graph, _tokens_in, _scores_out)),
}
KINDS = ("auto", *TASKS, GENERAL)

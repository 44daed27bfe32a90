"""The metadata of single inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence

from litesmith.data.preprocess import Affine, Preprocess
from litesmith.errors import InputError
from litesmith.graph import DType, Graph, Tensor
from litesmith.interface.metadata.schema import (
    AssociatedFile,
    AudioProperties,
    BoundingBoxProperties,
    BoxType,
    ColorSpace,
    Content,
    Coordinates,
    FeatureProperties,
    FileType,
    ImageProperties,
    ImageSize,
    NormalizationOptions,
    ProcessUnit,
    ScoreThresholdingOptions,
    Stats,
    TensorMetadata,
    ValueRange,
)
from litesmith.interface.metadata.tasks import classes, is_pixels, squashed_by

LABELS_FILE = "labels.txt"
_COLOR_SPACES = {1: ColorSpace.GRAYSCALE, 3: ColorSpace.RGB}
_BYTE = 255.0
# ObjectDetector finds its outputs by these names; the boxes' axis of four, and of results.
_DETECTION = (
    ("location", "The locations of the detected boxes, as ratios of the image's size."),
    ("category", "The classes of the detected boxes."),
    ("score", "The scores of the detected boxes."),
    ("number of detections", "The number of the detected boxes."),
)
_LEFT_TOP_RIGHT_BOTTOM = (1, 0, 3, 2)  # where they stand in (top, left, bottom, right)
_AXIS_OF_COORDINATES = ValueRange(2, 2)
_IMAGE_AXES = ("batch", "height", "width", "channels")


def image(
    name: str, tensor: Tensor, preprocess: Preprocess, colors: str = "rgb", raw: bool = False
) -> TensorMetadata:
    """Return the metadata of an image.

    Bytes that are raw pixels need no normalization, which mean 0 and std 1 say; bytes that stand
    for something else would be taken for pixels then, so nothing is said of them.
    """
    affine = preprocess if isinstance(preprocess, Affine) else None
    known = colors == "rgb" and affine is not None and not affine.reverse_channels
    color = _COLOR_SPACES.get(tensor.shape[-1], ColorSpace.UNKNOWN)
    size = ImageSize(tensor.shape[2], tensor.shape[1])
    units: tuple[ProcessUnit, ...] = ()
    stats = None
    mean, std = ((), ()) if affine is None else _feeding(tensor, affine, raw)
    if mean:
        units = (ProcessUnit(NormalizationOptions(mean, std)),)
        ends = [(0.0 - m) / s for m, s in zip(mean, std, strict=True)]
        others = [(_BYTE - m) / s for m, s in zip(mean, std, strict=True)]
        pairs = list(zip(ends, others, strict=True))
        stats = Stats(tuple(map(max, pairs)), tuple(map(min, pairs)))
    return TensorMetadata(
        name,
        "The image to be analyzed.",
        _IMAGE_AXES,
        Content(ImageProperties(color if known else ColorSpace.UNKNOWN, size)),
        units,
        stats,
    )


def _feeding(
    tensor: Tensor, affine: Affine, raw: bool
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if tensor.dtype is not DType.UINT8:
        return mean_std(affine)
    if raw or is_pixels(tensor, affine):
        return (0.0,), (1.0,)
    return ((), ()) if affine.is_identity else mean_std(affine)


def mean_std(affine: Affine) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and std with (x − mean) / std = scale · x + offset; equal channels are one."""
    count = max(len(affine.scale), len(affine.offset))
    scales = affine.scale * (count if len(affine.scale) == 1 else 1)
    offsets = affine.offset * (count if len(affine.offset) == 1 else 1)
    pairs = [(-o / s + 0.0, 1 / s) for s, o in zip(scales, offsets, strict=True)]
    pairs = pairs[:1] if len(set(pairs)) == 1 else pairs
    return tuple(m for m, _ in pairs), tuple(s for _, s in pairs)


def sound(name: str, sample_rate: int, channels: int) -> TensorMetadata:
    """Return the metadata of sound in −1 … 1."""
    properties = Content(AudioProperties(sample_rate, channels))
    return TensorMetadata(name, "The sound to be analyzed.", (), properties)


def plain(name: str, description: str = "") -> TensorMetadata:
    """Return the metadata of numbers without a further meaning."""
    return TensorMetadata(name, description, (), Content(FeatureProperties()))


def scores(
    graph: Graph, name: str, tensor: Tensor, labels: Sequence[str], threshold: float
) -> TensorMetadata:
    """Return the metadata of an output that scores classes, or names one (integers).

    Raises:
        InputError: the number of labels is not the number of classes.
    """
    count = classes(tensor)
    if labels and count is not None and count != len(labels):
        raise InputError(
            f"There are {len(labels)} labels, but the output '{name}' has {count} "
            f"{'class' if count == 1 else 'classes'}.",
            "A single score stands for one class, so it takes one label."
            if count == 1
            else "Give one label per line, in the order of the model's classes.",
        )
    kind = FileType.TENSOR_VALUE_LABELS if count is None else FileType.TENSOR_AXIS_LABELS
    stats = Stats((1.0,), (0.0,)) if squashed_by(graph, tensor) else None
    return TensorMetadata(
        name,
        "The index of the class." if count is None else "The scores of the classes.",
        (),
        Content(FeatureProperties()),
        _threshold(threshold),
        stats,
        _labels(labels, kind),
    )


def detections(order: Sequence[int], labels: Sequence[str], threshold: float) -> list[
    TensorMetadata
]:  # fmt: skip
    """Return the metadata of boxes, classes, scores and count.

    Args:
        order: per output of the graph, which output of TFLite_Detection_PostProcess it is.
        labels: names of the classes.
        threshold: detections below are not shown, 0 for none.
    """
    boxes = BoundingBoxProperties(_LEFT_TOP_RIGHT_BOTTOM, BoxType.BOUNDARIES, Coordinates.RATIO)
    features = FeatureProperties()
    contents = (
        Content(boxes, _AXIS_OF_COORDINATES),
        Content(features, _AXIS_OF_COORDINATES),
        Content(features, _AXIS_OF_COORDINATES),
        Content(features),
    )
    named = _labels(labels, FileType.TENSOR_VALUE_LABELS)
    files = ((), named, (), ())
    units = ((), (), _threshold(threshold), ())
    return [
        TensorMetadata(
            _DETECTION[i][0], _DETECTION[i][1], (), contents[i], units[i], None, files[i]
        )
        for i in order
    ]


def _threshold(threshold: float) -> tuple[ProcessUnit, ...]:
    return (ProcessUnit(ScoreThresholdingOptions(threshold)),) if threshold else ()


def _labels(labels: Sequence[str], kind: FileType) -> tuple[AssociatedFile, ...]:
    if not labels:
        return ()
    return (AssociatedFile(LABELS_FILE, "Names of the classes, one per line.", kind),)

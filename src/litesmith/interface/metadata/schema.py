"""The tables of TFLite metadata (metadata_schema.fbs 1.5.0), as dataclasses in its field order.

Source: github.com/tensorflow/tflite-support and google-ai-edge/mediapipe, metadata_schema.fbs;
mediapipe's image_segmenter_metadata_schema.fbs for `SegmenterOptions`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from litesmith.graph.tables import Blob, Many, Scalar, Schema, Table, Text, Union

METADATA_NAME = "TFLITE_METADATA"
IDENTIFIER = b"M001"
SEGMENTER_NAME = "SEGMENTER_METADATA"
SEGMENTER_IDENTIFIER = b"V001"


class FileType(IntEnum):
    """What an associated file holds (AssociatedFileType)."""

    UNKNOWN = 0
    DESCRIPTIONS = 1
    TENSOR_AXIS_LABELS = 2
    TENSOR_VALUE_LABELS = 3
    TENSOR_AXIS_SCORE_CALIBRATION = 4
    VOCABULARY = 5
    SCANN_INDEX_FILE = 6


class ColorSpace(IntEnum):
    """ColorSpaceType."""

    UNKNOWN = 0
    RGB = 1
    GRAYSCALE = 2


class BoxType(IntEnum):
    """BoundingBoxType: BOUNDARIES is (left, top, right, bottom)."""

    UNKNOWN = 0
    BOUNDARIES = 1
    UPPER_LEFT = 2
    CENTER = 3


class Coordinates(IntEnum):
    """CoordinateType: of the image's size, or pixels."""

    RATIO = 0
    PIXEL = 1


class Activation(IntEnum):
    """What a segmenter's scores still need (image_segmenter_metadata_schema.fbs)."""

    NONE = 0
    SIGMOID = 1
    SOFTMAX = 2


@dataclass(frozen=True)
class AssociatedFile:
    """A file of the archive behind the model."""

    name: str = ""
    description: str = ""
    type: int = FileType.UNKNOWN
    locale: str = ""
    version: str = ""


@dataclass(frozen=True)
class FeatureProperties:
    """Numbers without a further meaning."""


@dataclass(frozen=True)
class ImageSize:
    """Pixels."""

    width: int = 0
    height: int = 0


@dataclass(frozen=True)
class ImageProperties:
    """An image."""

    color_space: int = ColorSpace.UNKNOWN
    default_size: ImageSize | None = None


@dataclass(frozen=True)
class BoundingBoxProperties:
    """Boxes; `index` says where left, top, right and bottom stand among the four numbers."""

    index: tuple[int, ...] = ()
    type: int = BoxType.UNKNOWN
    coordinate_type: int = Coordinates.RATIO


@dataclass(frozen=True)
class AudioProperties:
    """Sound: samples per second and channels."""

    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True)
class ValueRange:
    """The axes that the content's properties are about, both ends included."""

    min: int = 0
    max: int = 0


@dataclass(frozen=True)
class Content:
    """What a tensor means."""

    properties: (
        FeatureProperties | ImageProperties | BoundingBoxProperties | AudioProperties | None
    ) = None
    range: ValueRange | None = None


@dataclass(frozen=True)
class NormalizationOptions:
    """(x − mean) / std, one number or one per channel."""

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


@dataclass(frozen=True)
class ScoreCalibrationOptions:
    """Parameters are in an associated file."""

    score_transformation: int = 0
    default_score: float = 0.0


@dataclass(frozen=True)
class ScoreThresholdingOptions:
    """Results below are not shown."""

    global_score_threshold: float = 0.0


@dataclass(frozen=True)
class BertTokenizerOptions:
    """WordPiece with this vocabulary."""

    vocab_file: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True)
class SentencePieceTokenizerOptions:
    """SentencePiece with this model."""

    sentencepiece_model: tuple[AssociatedFile, ...] = ()
    vocab_file: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True)
class RegexTokenizerOptions:
    """Split at what the pattern matches; tokens are numbered by the vocabulary."""

    delim_regex_pattern: str = ""
    vocab_file: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True)
class ProcessUnit:
    """One step before an input or after an output."""

    options: (
        NormalizationOptions
        | ScoreCalibrationOptions
        | ScoreThresholdingOptions
        | BertTokenizerOptions
        | SentencePieceTokenizerOptions
        | RegexTokenizerOptions
        | None
    ) = None


@dataclass(frozen=True)
class Stats:
    """Range of the tensor's real values, one number or one per channel."""

    max: tuple[float, ...] = ()
    min: tuple[float, ...] = ()


@dataclass(frozen=True)
class TensorGroup:
    """Tensors that belong together, by their names here."""

    name: str = ""
    tensor_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class TensorMetadata:
    """One input or output."""

    name: str = ""
    description: str = ""
    dimension_names: tuple[str, ...] = ()
    content: Content | None = None
    process_units: tuple[ProcessUnit, ...] = ()
    stats: Stats | None = None
    associated_files: tuple[AssociatedFile, ...] = ()


@dataclass(frozen=True)
class CustomMetadata:
    """A flatbuffer of another schema."""

    name: str = ""
    data: bytes = b""


@dataclass(frozen=True)
class SubGraphMetadata:
    """What an application sees of a graph."""

    name: str = ""
    description: str = ""
    inputs: tuple[TensorMetadata, ...] = ()
    outputs: tuple[TensorMetadata, ...] = ()
    associated_files: tuple[AssociatedFile, ...] = ()
    input_process_units: tuple[ProcessUnit, ...] = ()
    output_process_units: tuple[ProcessUnit, ...] = ()
    input_tensor_groups: tuple[TensorGroup, ...] = ()
    output_tensor_groups: tuple[TensorGroup, ...] = ()
    custom_metadata: tuple[CustomMetadata, ...] = ()


@dataclass(frozen=True)
class ModelMetadata:
    """The root."""

    name: str = ""
    description: str = ""
    version: str = ""
    subgraphs: tuple[SubGraphMetadata, ...] = ()
    author: str = ""
    license: str = ""
    associated_files: tuple[AssociatedFile, ...] = ()
    min_parser_version: str = ""


@dataclass(frozen=True)
class SegmenterOptions:
    """MediaPipe's own addition for ImageSegmenter."""

    activation: int = Activation.NONE
    min_parser_version: str = ""


_BYTE, _INT, _UINT, _FLOAT, _TEXT = (
    Scalar("b"), Scalar("i"), Scalar("I"), Scalar("f", 0.0), Text(),
)  # fmt: skip
_FILES = Many(Table(AssociatedFile))
_UNITS = Many(Table(ProcessUnit))
_GROUPS = Many(Table(TensorGroup))
_TENSORS = Many(Table(TensorMetadata))
_CONTENTS = Union((FeatureProperties, ImageProperties, BoundingBoxProperties, AudioProperties))
_PROCESSES = Union(
    (
        NormalizationOptions,
        ScoreCalibrationOptions,
        ScoreThresholdingOptions,
        BertTokenizerOptions,
        SentencePieceTokenizerOptions,
        RegexTokenizerOptions,
    )
)

SCHEMA: Schema = {
    AssociatedFile: (_TEXT, _TEXT, _BYTE, _TEXT, _TEXT),
    FeatureProperties: (),
    ImageSize: (_UINT, _UINT),
    ImageProperties: (_BYTE, Table(ImageSize)),
    BoundingBoxProperties: (Many(_UINT), _BYTE, _BYTE),
    AudioProperties: (_UINT, _UINT),
    ValueRange: (_INT, _INT),
    Content: (_CONTENTS, Table(ValueRange)),
    NormalizationOptions: (Many(_FLOAT), Many(_FLOAT)),
    ScoreCalibrationOptions: (_BYTE, _FLOAT),
    ScoreThresholdingOptions: (_FLOAT,),
    BertTokenizerOptions: (_FILES,),
    SentencePieceTokenizerOptions: (_FILES, _FILES),
    RegexTokenizerOptions: (_TEXT, _FILES),
    ProcessUnit: (_PROCESSES,),
    Stats: (Many(_FLOAT), Many(_FLOAT)),
    TensorGroup: (_TEXT, Many(_TEXT)),
    TensorMetadata: (_TEXT, _TEXT, Many(_TEXT), Table(Content), _UNITS, Table(Stats), _FILES),
    CustomMetadata: (_TEXT, Blob()),
    SubGraphMetadata: (
        _TEXT, _TEXT, _TENSORS, _TENSORS, _FILES, _UNITS, _UNITS, _GROUPS, _GROUPS,
        Many(Table(CustomMetadata)),
    ),
    ModelMetadata: (
        _TEXT, _TEXT, _TEXT, Many(Table(SubGraphMetadata)), _TEXT, _TEXT, _FILES, _TEXT,
    ),
    SegmenterOptions: (_BYTE, _TEXT),
}  # fmt: skip

"""What metadata says, in an application's terms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from litesmith.graph import Graph
from litesmith.interface.metadata.schema import (
    FileType,
    ModelMetadata,
    NormalizationOptions,
    ScoreThresholdingOptions,
    SubGraphMetadata,
    TensorMetadata,
)
from litesmith.interface.metadata.store import named_files, read_metadata

_LABEL_TYPES = (FileType.TENSOR_AXIS_LABELS, FileType.TENSOR_VALUE_LABELS)


@dataclass(frozen=True)
class PortSummary:
    """What metadata says of one input or output.

    Attributes:
        name: its name there.
        description: for people.
        mean, std: of (raw − mean) / std, () when nothing is said.
        labels: names of classes, () when there are none.
        names_values: the labels name the tensor's values, not its last axis.
        threshold: of scores, None when there is none.
    """

    name: str
    description: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    labels: tuple[str, ...] = ()
    names_values: bool = False
    threshold: float | None = None


@dataclass(frozen=True)
class Summary:
    """What the metadata of a file says.

    Attributes:
        name, description, version: of the model.
        inputs, outputs: in the graph's order; () when metadata does not list as many.
        missing: files that the metadata names and the archive does not hold.
        min_parser_version: of the oldest reader that understands all of it.
    """

    name: str
    description: str
    version: str
    inputs: tuple[PortSummary, ...]
    outputs: tuple[PortSummary, ...]
    missing: tuple[str, ...]
    min_parser_version: str


def summarize(graph: Graph) -> Summary | None:
    """Return what a graph's metadata says, None without any."""
    metadata = read_metadata(graph)
    if metadata is None:
        return None
    files = dict(graph.files)
    first = metadata.subgraphs[0] if metadata.subgraphs else SubGraphMetadata()
    return Summary(
        metadata.name,
        metadata.description,
        metadata.version,
        _ports(first.inputs, len(graph.inputs), files),
        _ports(first.outputs, len(graph.outputs), files),
        tuple(dict.fromkeys(f.name for f in named_files(metadata) if f.name not in files)),
        metadata.min_parser_version,
    )


def fits(graph: Graph, metadata: ModelMetadata) -> bool:
    """Return whether the metadata speaks of as many inputs and outputs as the graph has."""
    if not metadata.subgraphs:
        return True
    first = metadata.subgraphs[0]
    pairs = ((first.inputs, graph.inputs), (first.outputs, graph.outputs))
    return all(not said or len(said) == len(real) for said, real in pairs)


def _ports(
    said: tuple[TensorMetadata, ...], count: int, files: Mapping[str, bytes]
) -> tuple[PortSummary, ...]:
    return tuple(_port(one, files) for one in said) if len(said) == count else ()


def _port(one: TensorMetadata, files: Mapping[str, bytes]) -> PortSummary:
    options = [unit.options for unit in one.process_units]
    norm = next((o for o in options if isinstance(o, NormalizationOptions)), None)
    cut = next((o for o in options if isinstance(o, ScoreThresholdingOptions)), None)
    named = [f for f in one.associated_files if f.type in _LABEL_TYPES and f.name in files]
    labels = files[named[0].name] if named else b""
    return PortSummary(
        one.name,
        one.description,
        norm.mean if norm else (),
        norm.std if norm else (),
        tuple(labels.decode("utf-8", "replace").rstrip().split("\n")) if labels else (),
        bool(named) and named[0].type == FileType.TENSOR_VALUE_LABELS,
        cut.global_score_threshold if cut else None,
    )

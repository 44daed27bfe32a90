"""Metadata ⇄ the bytes of a file, and the oldest reader that understands them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from litesmith.graph import Graph
from litesmith.graph.tables import DamagedError, decode, encode
from litesmith.interface.metadata.schema import (
    IDENTIFIER,
    METADATA_NAME,
    SCHEMA,
    AssociatedFile,
    AudioProperties,
    BertTokenizerOptions,
    FileType,
    ModelMetadata,
    RegexTokenizerOptions,
    SentencePieceTokenizerOptions,
    SubGraphMetadata,
)

Version = tuple[int, int, int]

# What came after 1.0.0, as the C++ library's GetMinimumMetadataParserVersion counts it
# (metadata_version.cc).
_SINCE_TABLE: dict[type, Version] = {
    BertTokenizerOptions: (1, 1, 0),
    SentencePieceTokenizerOptions: (1, 1, 0),
    RegexTokenizerOptions: (1, 2, 1),
    AudioProperties: (1, 3, 0),
}
_SINCE_FILE_TYPE: dict[int, Version] = {
    FileType.VOCABULARY: (1, 0, 1),
    FileType.SCANN_INDEX_FILE: (1, 4, 0),
}
_SINCE_FIELD: dict[str, Version] = {
    "input_process_units": (1, 1, 0),
    "output_process_units": (1, 1, 0),
    "input_tensor_groups": (1, 2, 0),
    "output_tensor_groups": (1, 2, 0),
    "custom_metadata": (1, 5, 0),
}
_SINCE_FILE_VERSION: Version = (1, 4, 1)
# The library does not look into a tokenizer for the files it names.
_OPAQUE = (BertTokenizerOptions, SentencePieceTokenizerOptions, RegexTokenizerOptions)


def write_metadata(
    graph: Graph, metadata: ModelMetadata, files: tuple[tuple[str, bytes], ...] = ()
) -> Graph:
    """Return the graph with the metadata, its parser version filled in, and associated files.

    Metadata that the graph has is replaced; a file of the same name too, others stay.
    """
    whole = replace(metadata, min_parser_version=min_parser_version(metadata))
    entry = (METADATA_NAME, encode(whole, SCHEMA, IDENTIFIER))
    others = tuple(item for item in graph.metadata if item[0] != METADATA_NAME)
    return graph.with_(
        metadata=(*others, entry), files=tuple({**dict(graph.files), **dict(files)}.items())
    )


def without_metadata(graph: Graph) -> Graph:
    """Return the graph without its metadata and the files that it names."""
    metadata = read_metadata(graph)
    named = {file.name for file in named_files(metadata)} if metadata else set()
    return graph.with_(
        metadata=tuple(item for item in graph.metadata if item[0] != METADATA_NAME),
        files=tuple(item for item in graph.files if item[0] not in named),
    )


def read_metadata(graph: Graph) -> ModelMetadata | None:
    """Return the metadata of a graph, None when it has none or it is damaged.

    What is damaged is what MediaPipe refuses: such a file is used as if it said nothing.
    """
    for name, content in graph.metadata:
        if name == METADATA_NAME:
            try:
                return decode(content, ModelMetadata, SCHEMA, IDENTIFIER)
            except DamagedError:
                return None
    return None


def named_files(metadata: ModelMetadata) -> tuple[AssociatedFile, ...]:
    """Return every associated file that the metadata names, those of tokenizers included."""
    return tuple(x for x in _walk(metadata) if isinstance(x, AssociatedFile))


def min_parser_version(metadata: ModelMetadata) -> str:
    """Return the version of the oldest metadata reader that understands every field in use."""
    since = max((_since(x) for x in _walk(metadata, _OPAQUE)), default=(1, 0, 0))
    return ".".join(map(str, since))


def _since(value: Any) -> Version:
    found = [(1, 0, 0), _SINCE_TABLE.get(type(value), (1, 0, 0))]
    if isinstance(value, AssociatedFile):
        found.append(_SINCE_FILE_TYPE.get(value.type, (1, 0, 0)))
        found += [_SINCE_FILE_VERSION] if value.version else []
    if isinstance(value, SubGraphMetadata):
        found += [since for name, since in _SINCE_FIELD.items() if getattr(value, name)]
    return max(found)


def _walk(value: Any, closed: tuple[type, ...] = ()) -> Iterator[Any]:
    if isinstance(value, tuple):
        for item in value:
            yield from _walk(item, closed)
    elif is_dataclass(value):
        yield value
        if not isinstance(value, closed):
            for field in fields(value):
                yield from _walk(getattr(value, field.name), closed)

"""Metadata is stored as the public schema says, and every field comes back."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from litesmith.graph import Graph, read, write
from litesmith.interface.metadata.schema import (
    IDENTIFIER,
    METADATA_NAME,
    AssociatedFile,
    AudioProperties,
    BertTokenizerOptions,
    Content,
    CustomMetadata,
    FileType,
    ModelMetadata,
    ProcessUnit,
    RegexTokenizerOptions,
    SubGraphMetadata,
    TensorGroup,
    TensorMetadata,
)
from litesmith.interface.metadata.store import (
    min_parser_version,
    named_files,
    read_metadata,
    write_metadata,
)
from tests.interface.metadata.strategies import tables
from tests.support.graphs import Builder, const

_SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def _graph() -> Graph:
    builder = Builder()
    x = builder.input((1, 4))
    return builder.graph(builder.op("ADD", x, const([1.0, 2.0, 3.0, 4.0])))


_GRAPH = _graph()


@_SETTINGS
@given(tables(ModelMetadata))
def test_round_trip_through_a_file(metadata: ModelMetadata) -> None:
    again = read_metadata(read(write(write_metadata(_GRAPH, metadata))))
    assert again == replace(metadata, min_parser_version=min_parser_version(metadata))


@_SETTINGS
@given(tables(ModelMetadata))
def test_mediapipe_reads_the_same(metadata: ModelMetadata) -> None:
    module = pytest.importorskip("mediapipe.tasks.metadata.metadata_schema_py_generated")
    raw = dict(write_metadata(_GRAPH, metadata).metadata)[METADATA_NAME]
    assert module.ModelMetadata.ModelMetadataBufferHasIdentifier(raw, 0)
    theirs = module.ModelMetadataT.InitFromObj(module.ModelMetadata.GetRootAs(raw, 0))
    _same(replace(metadata, min_parser_version=min_parser_version(metadata)), theirs)


def _same(ours: Any, theirs: Any) -> None:
    if is_dataclass(ours):
        assert type(theirs).__name__ == type(ours).__name__ + "T"
        for field in fields(ours):
            _same(getattr(ours, field.name), getattr(theirs, _attribute(theirs, field.name)))
    elif isinstance(ours, tuple):
        assert len(ours) == (0 if theirs is None else len(theirs))
        for one, other in zip(ours, () if theirs is None else theirs, strict=True):
            _same(one, other)
    elif isinstance(ours, (str, bytes)):
        found = b"" if theirs is None else bytes(theirs)
        assert found == (ours.encode() if isinstance(ours, str) else ours)
    else:
        assert ours == theirs


_THEIR_NAMES = {
    "subgraphs": "subgraphMetadata",
    "inputs": "inputTensorMetadata",
    "outputs": "outputTensorMetadata",
    "properties": "contentProperties",
    "sentencepiece_model": "sentencePieceModel",
}


def _attribute(theirs: Any, name: str) -> str:
    camel = re.sub(r"_(\w)", lambda match: match[1].upper(), name)
    return next(n for n in (_THEIR_NAMES.get(name), camel) if n and hasattr(theirs, n))


def _units(*options: Any) -> tuple[ProcessUnit, ...]:
    return tuple(map(ProcessUnit, options))


def _tensor(**given: Any) -> ModelMetadata:
    return ModelMetadata(subgraphs=(SubGraphMetadata(inputs=(TensorMetadata(**given),)),))


# Rows of the C++ library's metadata_version_test.cc, by what is in use.
@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        (ModelMetadata("Foo"), "1.0.0"),
        (ModelMetadata(associated_files=(AssociatedFile("a", type=FileType.VOCABULARY),)), "1.0.1"),
        (_tensor(associated_files=(AssociatedFile("a", type=FileType.VOCABULARY),)), "1.0.1"),
        (ModelMetadata(subgraphs=(SubGraphMetadata(input_process_units=_units(None)),)), "1.1.0"),
        (ModelMetadata(subgraphs=(SubGraphMetadata(output_process_units=_units(None)),)), "1.1.0"),
        (_tensor(process_units=_units(BertTokenizerOptions())), "1.1.0"),
        (ModelMetadata(subgraphs=(SubGraphMetadata(output_tensor_groups=(TensorGroup(),)),)),
         "1.2.0"),
        (_tensor(process_units=_units(RegexTokenizerOptions("x"))), "1.2.1"),
        (_tensor(content=Content(AudioProperties(16000, 1))), "1.3.0"),
        (_tensor(associated_files=(AssociatedFile(type=FileType.SCANN_INDEX_FILE),)), "1.4.0"),
        (_tensor(associated_files=(AssociatedFile(version="v1"),)), "1.4.1"),
        (ModelMetadata(subgraphs=(SubGraphMetadata(custom_metadata=(CustomMetadata("a"),)),)),
         "1.5.0"),
        # The library does not look into a tokenizer for the files that it names.
        (_tensor(process_units=_units(
            BertTokenizerOptions((AssociatedFile(type=FileType.SCANN_INDEX_FILE),)))), "1.1.0"),
    ],
)  # fmt: skip
def test_min_parser_version(metadata: ModelMetadata, expected: str) -> None:
    assert min_parser_version(metadata) == expected


def test_writing_replaces_metadata_and_keeps_other_files() -> None:
    graph = _GRAPH.with_(
        metadata=(("min_runtime_version", b"1"),), files=(("a", b"1"), ("b", b"2"))
    )
    for name in ("first", "second"):
        graph = write_metadata(graph, ModelMetadata(name), (("b", b"3"), ("c", b"4")))
    assert [name for name, _ in graph.metadata] == ["min_runtime_version", METADATA_NAME]
    assert dict(graph.files) == {"a": b"1", "b": b"3", "c": b"4"}
    found = read_metadata(graph)
    assert found is not None and found.name == "second"


def test_files_of_tokenizers_are_named_too() -> None:
    vocabulary = AssociatedFile("vocab.txt")
    metadata = _tensor(process_units=_units(RegexTokenizerOptions("x", (vocabulary,))))
    assert named_files(metadata) == (vocabulary,)


@given(st.binary(max_size=200))
def test_damaged_metadata_says_nothing(tail: bytes) -> None:
    damaged = _GRAPH.with_(metadata=((METADATA_NAME, b"\x08\0\0\0" + IDENTIFIER + tail),))
    found = read_metadata(damaged)
    assert found is None or isinstance(found, ModelMetadata)
    assert read_metadata(_GRAPH.with_(metadata=((METADATA_NAME, tail),))) is None

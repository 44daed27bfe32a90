"""The C++ code compiles: against the least of the public API, as far as headers are to be had."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from litesmith import snippet
from litesmith.errors import ConversionError, InputError
from litesmith.graph import write
from litesmith.graph.edit import substitute
from litesmith.snippets import micro
from tests.snippets.files import FILES
from tests.support.graphs import Builder, named

HEADERS = Path(__file__).parent / "headers"
_FLAGS = ("-std=c++17", "-Wall", "-Wextra", "-Werror")


def _compile(code: str, folder: Path, *more: str) -> None:
    compiler = shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    source = folder / "main.cc"
    source.write_text(code, "utf-8")
    command = [compiler, *_FLAGS, "-I", str(HEADERS), "-I", str(folder), *more, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + code


@pytest.mark.parametrize("name", FILES)
def test_cpp_compiles(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(write(FILES[name]()))
    _compile(snippet(path, "cpp"), tmp_path, "-fsyntax-only")


@pytest.mark.parametrize("name", ["plain", "int8", "int16", "several", "detector"])
def test_micro_compiles(name: str, tmp_path: Path) -> None:
    path = tmp_path / "my model.tflite"
    path.write_bytes(write(FILES[name]()))
    code = snippet(path, "micro", c_array=tmp_path / "my model.cc")
    assert "GetModel(my_model_tflite)" in code
    _compile(code, tmp_path, "-fsyntax-only")


def test_micro_registers_exactly_the_files_ops(tmp_path: Path) -> None:
    graph = FILES["int8"]()
    assert micro.methods(graph) == (
        "AddDequantize", "AddFullyConnected", "AddMean", "AddQuantize"
    )  # fmt: skip
    path = tmp_path / "m.tflite"
    path.write_bytes(write(graph))
    assert "MicroMutableOpResolver<4>" in snippet(path, "micro")


# From MicroMutableOpResolver of tflite-micro.
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        ("AVERAGE_POOL_2D", "AddAveragePool2D"),
        ("BATCH_MATMUL", "AddBatchMatMul"),
        ("BATCH_TO_SPACE_ND", "AddBatchToSpaceNd"),
        ("CUMSUM", "AddCumSum"),
        ("L2_NORMALIZATION", "AddL2Normalization"),
        ("PADV2", "AddPadV2"),
        ("RELU6", "AddRelu6"),
        ("SELECT_V2", "AddSelectV2"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
    ],
)
def test_resolver_methods(kind: str, method: str) -> None:
    builder = Builder()
    x = builder.input((1, 2))
    graph = builder.graph(builder.op("ABS", x))
    assert micro.methods(graph.with_(ops=(graph.ops[0].with_(kind=kind),))) == (method,)


def test_micro_refuses_what_it_cannot_run(tmp_path: Path) -> None:
    builder = Builder()
    x = builder.input((1, 4))
    graph = named(builder.graph(builder.op("GELU", x)))
    path = tmp_path / "m.tflite"
    path.write_bytes(write(graph))
    with pytest.raises(ConversionError, match="GELU"):
        snippet(path, "micro")
    path.write_bytes(write(FILES["open"]()))
    with pytest.raises(ConversionError, match="fixed sizes"):
        snippet(path, "micro")


def test_arena_holds_what_is_alive_at_once() -> None:
    builder = Builder()
    x = builder.input((1, 1000))
    y = builder.op("ABS", x)
    z = builder.op("ADD", builder.op("NEG", y), y)
    # ABS's result, NEG's and ADD's: 3 × 4000 bytes.
    small = micro.arena_bytes(builder.graph(z))
    assert 12_000 < small < 20_000
    wide = substitute(builder.graph(z), {x: x.with_(shape=(1, 100_000))})
    assert micro.arena_bytes(wide) > 400_000


def test_unknown_language(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no code for 'kotlyn'") as caught:
        snippet(tmp_path / "m.tflite", "kotlyn")
    assert "Did you mean 'kotlin'?" in caught.value.hint


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        snippet(tmp_path / "m.tflite", "python")

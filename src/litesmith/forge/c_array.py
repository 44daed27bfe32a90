"""A .tflite as C++ source, for firmware without a file system: an aligned array and its header."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from litesmith.errors import InputError
from litesmith.graph import Graph, Tensor
from litesmith.snippets.spelling import symbol

_PER_LINE = 12
_SUFFIXES = (".cc", ".cpp", ".cxx", ".c++")


def header_of(source: str | Path | None) -> Path | None:
    """Return where the header of an array goes: beside it.

    Raises:
        InputError: the array's own name is not that of a C++ source.
    """
    if source is None:
        return None
    path = Path(source)
    if path.suffix not in _SUFFIXES:
        raise InputError(
            f"--c-array {path} is not the name of a C++ source.",
            f"Name it {path.with_suffix('.cc')}; the header {path.with_suffix('.h').name} goes "
            "beside it.",
        )
    return path.with_suffix(".h")


def c_array_files(source: Path, model: bytes, graph: Graph) -> dict[Path, bytes]:
    """Return the source and the header of a file, by where they go.

    Args:
        source: place of the source; its stem names the array.
        model: the .tflite.
        graph: what `model` holds.
    """
    header = source.with_suffix(".h")
    name = symbol(source.stem)
    return {
        source: _source(name, header.name, model).encode(),
        header: _header(name, header.name, model, graph).encode(),
    }


def _source(name: str, header: str, model: bytes) -> str:
    lines = [
        f'#include "{header}"',
        "",
        f"alignas(16) const unsigned char {name}[] = {{",
        *_rows(model),
        "};",
        f"const unsigned int {name}_len = {len(model)};",
    ]
    return "\n".join(lines) + "\n"


def _rows(model: bytes) -> Iterator[str]:
    for start in range(0, len(model), _PER_LINE):
        yield "    " + ", ".join(f"0x{byte:02x}" for byte in model[start : start + _PER_LINE]) + ","


def _header(name: str, file_name: str, model: bytes, graph: Graph) -> str:
    guard = f"{symbol(Path(file_name).stem).upper()}_H_"
    lines = [
        "// Written by litesmith.",
        f"#ifndef {guard}",
        f"#define {guard}",
        "",
        f"// The .tflite, {len(model):,} bytes; readers need it at a multiple of 16.",
        f"extern const unsigned char {name}[];",
        f"extern const unsigned int {name}_len;",
        "",
        "// Elements of the inputs and outputs, in the file's order.",
        *_sizes(name, "input", graph.input_names(), graph.inputs),
        *_sizes(name, "output", graph.output_names(), graph.outputs),
        "",
        f"#endif  // {guard}",
    ]
    return "\n".join(lines) + "\n"


def _sizes(name: str, what: str, names: Sequence[str], tensors: Sequence[Tensor]) -> Iterator[str]:
    for i, (label, tensor) in enumerate(zip(names, tensors, strict=True)):
        count = 1
        for size in tensor.shape:
            count *= size
        plain = " ".join(label.split()).replace("\\", "/")  # a comment must not go on
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        yield (
            f"constexpr int {name}_{what}{i}_size = {count};  // {plain}: {tensor.dtype} {shape}"
        )
